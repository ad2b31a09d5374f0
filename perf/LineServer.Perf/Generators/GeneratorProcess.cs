using System.Diagnostics;
using System.Text.Json;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Generators;

/// <summary>
/// The parent's end of a generator: another process of this program that holds a share of the connections.
/// The process ends when its standard input ends.
/// </summary>
internal sealed class GeneratorProcess : IDisposable
{
    private readonly Process _process;
    private readonly int _number;

    /// <param name="number">Its number, from 1, for messages.</param>
    /// <param name="setup">The first line that it reads.</param>
    public GeneratorProcess(int number, GeneratorSetup setup)
    {
        _number = number;
        _process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "lineperf"), ["generator"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        Write(setup);
    }

    public void Begin(GeneratorCommand command) => Write(command);

    /// <summary>Waits for the reply to the last command.</summary>
    /// <exception cref="RunFailedException">The generator failed or ended.</exception>
    public GeneratorReply End()
    {
        string line = _process.StandardOutput.ReadLine()
            ?? throw new RunFailedException($"generator {_number} has ended");
        GeneratorReply reply = JsonSerializer.Deserialize<GeneratorReply>(line)!;
        return reply.Failure is { } failure ? throw new RunFailedException($"generator {_number}: {failure}") : reply;
    }

    /// <summary>Ends the current run early. Its reply has what was measured until then.</summary>
    public void Interrupt() => _ = MeasuringCalls.Kill(_process.Id, MeasuringCalls.SignalTerminate);

    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The process has already ended.
        }

        // Its work would end in bounded time, but nobody needs the result.
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Write<T>(T message)
    {
        try
        {
            _process.StandardInput.WriteLine(JsonSerializer.Serialize(message));
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            throw new RunFailedException($"generator {_number} has ended");
        }
    }
}
