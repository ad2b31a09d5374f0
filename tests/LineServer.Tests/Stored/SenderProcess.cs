using System.Diagnostics;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>A <see cref="SenderProgram"/> that runs in the foreground.</summary>
internal sealed class SenderProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly OutputLines _output;
    private readonly OutputLines _error;

    private SenderProcess(Process process)
    {
        _process = process;
        _output = new OutputLines(process.StandardOutput.BaseStream);
        _error = new OutputLines(process.StandardError.BaseStream);
    }

    /// <summary>What it has said, for the messages of failures.</summary>
    private string Said => string.Join('\n', [.. _output.Lines, .. _error.Lines]);

    public static SenderProcess Start(SenderProgram program, params string[] arguments)
    {
        var info = new ProcessStartInfo(program.Path, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        info.Environment["LD_LIBRARY_PATH"] = program.LibraryPath;
        return new SenderProcess(Process.Start(info)!);
    }

    /// <summary>Waits for something that happens while this process runs.</summary>
    public async Task UntilAsync(Task awaited)
    {
        Task first = await Task.WhenAny(awaited, _error.Ended, Task.Delay(Guard.Timeout, TestContext.Current.CancellationToken));
        Assert.True(first == awaited, $"The sender has ended, or goes on without what was expected:\n{Said}");
        await awaited;
    }

    /// <summary>Sends SIGTERM, and waits for the end.</summary>
    public async Task StopAsync()
    {
        Signal.Send(_process.Id, Signal.Terminate);
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).Guarded();
        Assert.True(_process.ExitCode == 0, $"The sender has ended with {_process.ExitCode}:\n{Said}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}
