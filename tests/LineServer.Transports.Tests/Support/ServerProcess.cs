using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace LineServer.Transports.Tests.Support;

/// <summary>An echo server on the epoll transport in a process of its own, which may have few descriptors: LineServer.Transports.Server.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private ServerProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public EndPoint EndPoint { get; private set; } = null!;

    /// <param name="descriptors">RLIMIT_NOFILE, which .NET cannot raise again.</param>
    /// <param name="reserved"><c>ReservedDescriptors</c>.</param>
    public static async Task<ServerProcess> StartAsync(int descriptors, int reserved)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "LineServer.Transports.Server.dll");
        string dotnet = Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? Environment.ProcessPath : "dotnet";
        var start = new ProcessStartInfo("prlimit", [$"--nofile={descriptors}", dotnet, program, $"{reserved}"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var server = new ServerProcess(Process.Start(start)!);
        server.EndPoint = new IPEndPoint(IPAddress.Loopback, int.Parse(await server.ReadAsync("the server's port"), CultureInfo.InvariantCulture));
        return server;
    }

    /// <summary>Waits until accepting has backed off so often; says how often it has by then, since when the process runs, and how long it has used the CPU.</summary>
    public async Task<(long BackOffs, TimeSpan Time, TimeSpan Cpu)> BackedOffAsync(long count)
    {
        await _process.StandardInput.WriteLineAsync($"{count}");
        await _process.StandardInput.FlushAsync();
        long[] words = [.. (await ReadAsync($"back-off {count}")).Split(' ').Select(word => long.Parse(word, CultureInfo.InvariantCulture))];
        return (words[0], TimeSpan.FromMilliseconds(words[1]), TimeSpan.FromMilliseconds(words[2]));
    }

    /// <summary>Ends its input, and so itself; its exit status.</summary>
    public async Task<int> StopAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync().InTime("the server ends");
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync().InTime("the server is killed");
        }

        _process.Dispose();
    }

    private async Task<string> ReadAsync(string what) =>
        await _process.StandardOutput.ReadLineAsync().InTime(what) ?? throw new EndOfStreamException($"The server has ended: {await _errors}");
}
