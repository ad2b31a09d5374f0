using System.Diagnostics;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Profiling;

/// <summary>A profiling tool that runs until it is disposed.</summary>
internal sealed class ToolProcess : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly string _name;
    private readonly string _words = Path.GetTempFileName();

    /// <param name="command">A command in PATH.</param>
    /// <param name="args">Its arguments.</param>
    public ToolProcess(string command, params string[] args)
    {
        _name = command;

        // The tool is killed if this process dies. Its output goes to a file, because a pipe would need a
        // reader beside the generator.
        _process = Process.Start(
            "setpriv",
            ["--pdeathsig", "KILL", "sh", "-c", $"exec \"$0\" \"$@\" >'{_words}' 2>&1 </dev/null", command, .. args]);
    }

    /// <summary>Waits until a condition holds.</summary>
    /// <exception cref="RunFailedException">
    /// The tool ended before, or the condition does not hold after 10 s.
    /// </exception>
    public void Await(Func<bool> isSo)
    {
        long start = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            if (_process.WaitForExit(Poll))
            {
                throw new RunFailedException(
                    $"{_name} ended with status {_process.ExitCode}: " +
                    $"{File.ReadAllText(_words).Trim().ReplaceLineEndings(" | ")}");
            }

            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new RunFailedException($"{_name} did not begin within {Patience.TotalSeconds:0} s");
            }
        }
    }

    /// <summary>Waits until the tool ends by itself.</summary>
    /// <returns>The lines that it printed.</returns>
    public string[] ReadToEnd()
    {
        _process.WaitForExit();
        return File.ReadAllLines(_words);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            // As Ctrl-C does: the tool detaches and writes its results.
            _ = MeasuringCalls.Kill(_process.Id, MeasuringCalls.SignalInterrupt);
            _process.WaitForExit();
        }

        _process.Dispose();
        File.Delete(_words);
    }
}
