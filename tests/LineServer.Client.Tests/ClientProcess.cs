using System.Diagnostics;
using System.Text;

namespace LineServer.Client.Tests;

/// <summary>
/// The built lineclient as a process, as a user would start it. Collects its output as it arrives.
/// </summary>
internal sealed class ClientProcess : IDisposable
{
    /// <summary>Keeps a test from hanging for ever. No test waits for it to pass.</summary>
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly MemoryStream _output = new();
    private readonly StringBuilder _errors = new();
    private readonly Task _reading;
    private readonly Lock _lock = new();
    private readonly List<(Func<string> Stream, string Text, TaskCompletionSource Seen)> _awaited = [];

    private ClientProcess(ProcessStartInfo start)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.UseShellExecute = false;
        _process = Process.Start(start)!;
        _reading = Task.WhenAll(ReadOutputAsync(), ReadErrorsAsync());
    }

    /// <summary>The build puts the executable beside the tests.</summary>
    public static string Executable { get; } = Path.Combine(AppContext.BaseDirectory, "lineclient");

    public Stream Input => _process.StandardInput.BaseStream;

    /// <summary>The peak resident memory so far, in KiB.</summary>
    public long PeakMemoryKiB =>
        long.Parse(
            File.ReadLines($"/proc/{_process.Id}/status")
                .Single(line => line.StartsWith("VmHWM", StringComparison.Ordinal))
                .Split(' ')[^2]);

    public static ClientProcess Start(params string[] args) => new(new ProcessStartInfo(Executable, args));

    /// <summary>Runs a script with <c>sh -c</c>; <c>$L</c> is the executable.</summary>
    public static ClientProcess StartInShell(string script) =>
        new(new ProcessStartInfo("sh", ["-c", script]) { Environment = { ["L"] = Executable } });

    /// <summary>Runs lineclient to its end with this standard input.</summary>
    public static async Task<ClientResult> RunWithInputAsync(byte[] input, params string[] args)
    {
        using ClientProcess client = Start(args);
        await client.WriteAndCloseAsync(input);
        return await client.EndAsync();
    }

    /// <summary>Runs lineclient to its end with an empty standard input.</summary>
    public static Task<ClientResult> RunAsync(params string[] args) => RunWithInputAsync([], args);

    public static Task<ClientResult> RunWithInputAsync(string input, params string[] args) =>
        RunWithInputAsync(Encoding.Latin1.GetBytes(input), args);

    public static async Task<ClientResult> RunInShellAsync(string script)
    {
        using ClientProcess client = StartInShell(script);
        client.Input.Close();
        return await client.EndAsync();
    }

    public async Task WriteAsync(string input)
    {
        await Input.WriteAsync(Encoding.Latin1.GetBytes(input));
        await Input.FlushAsync();
    }

    public async Task WriteAndCloseAsync(byte[] input)
    {
        try
        {
            await Input.WriteAsync(input);
            Input.Close();
        }
        catch (IOException)
        {
            // The process ended without reading everything. The test checks what it says about that.
        }
    }

    /// <summary>Waits until standard error contains a text.</summary>
    public Task ErrorsContainAsync(string text) => ContainsAsync(_errors.ToString, text);

    /// <summary>Waits until standard output contains a text.</summary>
    public Task OutputContainsAsync(string text) =>
        ContainsAsync(() => Encoding.Latin1.GetString(_output.ToArray()), text);

    /// <summary>Sends a signal by its kill(1) name.</summary>
    public void Signal(string name)
    {
        using Process kill = Process.Start("kill", ["-s", name, $"{_process.Id}"]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Kills the process: SIGKILL.</summary>
    public void Kill() => _process.Kill();

    public async Task<ClientResult> EndAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Guard);
        await _reading.WaitAsync(Guard);
        return new(_process.ExitCode, _output.ToArray(), _errors.ToString());
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private Task ContainsAsync(Func<string> stream, string text)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _awaited.Add((stream, text, seen));
            NoticeAwaited();
        }

        return seen.Task.WaitAsync(Guard);
    }

    private async Task ReadOutputAsync()
    {
        byte[] buffer = new byte[64 * 1024];
        while (await _process.StandardOutput.BaseStream.ReadAsync(buffer) is int length and > 0)
        {
            lock (_lock)
            {
                _output.Write(buffer, 0, length);
                NoticeAwaited();
            }
        }
    }

    private async Task ReadErrorsAsync()
    {
        char[] buffer = new char[1024];
        while (await _process.StandardError.ReadAsync(buffer) is int length and > 0)
        {
            lock (_lock)
            {
                _errors.Append(buffer, 0, length);
                NoticeAwaited();
            }
        }
    }

    private void NoticeAwaited()
    {
        foreach ((Func<string> stream, string text, TaskCompletionSource seen) in _awaited)
        {
            if (!seen.Task.IsCompleted && stream().Contains(text, StringComparison.Ordinal))
            {
                seen.TrySetResult();
            }
        }
    }
}
