using System.Diagnostics;
using System.Text.Json;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Generators;

/// <summary>One more process of this program, that holds a part of the connections: the parent's end. It ends with its standard input.</summary>
internal sealed class GeneratorProcess : IDisposable
{
    private readonly Process _process;
    private readonly int _number;

    /// <param name="number">From 1, for messages.</param>
    /// <param name="setup">What it shall do.</param>
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

    /// <summary>Waits for the reply to the command that was begun.</summary>
    /// <exception cref="RunFailedException">It has failed.</exception>
    public GeneratorReply End()
    {
        string line = _process.StandardOutput.ReadLine() ?? throw new RunFailedException($"generator {_number} has ended");
        GeneratorReply reply = JsonSerializer.Deserialize<GeneratorReply>(line)!;
        return reply.Failure is { } failure ? throw new RunFailedException($"generator {_number}: {failure}") : reply;
    }

    /// <summary>Ends the run that has begun: its reply has what was measured until then.</summary>
    public void Interrupt() => _ = MeasuringCalls.Kill(_process.Id, MeasuringCalls.SignalTerminate);

    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended by itself.
        }

        // What it does ends by itself in bounded time, but nobody needs it any more.
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
