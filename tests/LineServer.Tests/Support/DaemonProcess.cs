using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace LineServer.Tests.Support;

/// <summary>
/// The daemon as an operator runs it: a process with arguments, environment, output, signals and an exit
/// status.
/// </summary>
internal sealed class DaemonProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Lazy<OutputLines> _output;
    private readonly Lazy<OutputLines> _log;

    private DaemonProcess(Process process, bool holdsOutput, bool holdsError)
    {
        _process = process;
        _log = new Lazy<OutputLines>(() => new OutputLines(process.StandardError.BaseStream));
        if (!holdsError)
        {
            _ = _log.Value;
        }

        _output = new Lazy<OutputLines>(() => new OutputLines(process.StandardOutput.BaseStream));
        if (!holdsOutput)
        {
            _ = _output.Value;
        }
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>
    /// Standard error. If <see cref="DaemonStart"/> says so, it is read only from the first call on.
    /// </summary>
    public OutputLines Log => _log.Value;

    /// <summary>
    /// Standard output. If <see cref="DaemonStart"/> says so, it is read only from the first call on.
    /// </summary>
    public OutputLines Output => _output.Value;

    /// <summary>The transport that these tests use; null means the daemon's default.</summary>
    public static string? Transport => Environment.GetEnvironmentVariable("LINESERVER_TESTS_TRANSPORT") is { Length: > 0 } transport ? transport : null;

    /// <summary>The resident memory in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public static DaemonProcess Start(params string[] arguments) => Start(new DaemonStart(arguments));

    public static DaemonProcess Start(DaemonStart start)
    {
        // The daemon would also ignore a signal that the caller of the tests ignores (nohup, a shell's
        // background job).
        string[] command = ["env", "--default-signal", .. start.Through, Built.Daemon, .. start.Arguments];
        var info = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = start.WorkingDirectory ?? string.Empty,
        };
        // The same tests apply to every transport: test.sh runs them once for each. `check` reports its own
        // sources, so it gets none.
        if (Transport is { } transport && !start.Arguments.Contains("check", StringComparer.Ordinal))
        {
            info.Environment["LINESERVER__TRANSPORT"] = transport;
        }

        foreach ((string name, string value) in start.Environment)
        {
            info.Environment[name] = value;
        }

        return new DaemonProcess(Process.Start(info)!, start.HoldsStandardOutput, start.HoldsStandardError);
    }

    /// <summary>
    /// Starts a daemon with one endpoint on a port chosen by the kernel, and <c>--set</c> for each setting.
    /// </summary>
    public static DaemonProcess Serve(string handler, params string[] settings) =>
        Start(["--listen", "tcp://127.0.0.1:0", "--handler", handler, .. settings.SelectMany(setting => new[] { "--set", setting })]);

    /// <summary>Runs the daemon to its end.</summary>
    public static Task<FinishedProcess> RunAsync(params string[] arguments) => RunAsync(new DaemonStart(arguments));

    public static async Task<FinishedProcess> RunAsync(DaemonStart start)
    {
        await using DaemonProcess daemon = Start(start);
        int status = await daemon.ExitAsync();
        return new FinishedProcess(status, await daemon.Output.ToEndAsync(), await daemon.Log.ToEndAsync());
    }

    /// <summary>The address that the daemon accepts on, from its log.</summary>
    public async Task<string> AddressAsync(string? endpoint = null)
    {
        const string Accepts = " accepts on ";
        string line = await Log.FirstAsync(line => line.Contains($"endpoint {endpoint}", StringComparison.Ordinal) && line.Contains(Accepts, StringComparison.Ordinal));
        return line[(line.IndexOf(Accepts, StringComparison.Ordinal) + Accepts.Length)..].Split(' ')[0];
    }

    /// <summary>The address to connect to.</summary>
    public async Task<EndPoint> EndPointAsync(string? endpoint = null)
    {
        string address = await AddressAsync(endpoint);
        if (address.StartsWith("unix:", StringComparison.Ordinal))
        {
            return new UnixDomainSocketEndPoint(address["unix:".Length..]);
        }

        IPEndPoint ip = IPEndPoint.Parse(address["tcp://".Length..]);
        return ip.Address.Equals(IPAddress.IPv6Any) || ip.Address.Equals(IPAddress.Any) ? new IPEndPoint(IPAddress.Loopback, ip.Port) : ip;
    }

    public async Task<LineSocket> ConnectAsync(string? endpoint = null) => await LineSocket.ConnectAsync(await EndPointAsync(endpoint));

    public void Send(int signal) => Signal.Send(Id, signal);

    /// <summary>Sends SIGTERM and returns the exit status.</summary>
    public Task<int> StopAsync()
    {
        Send(Signal.Terminate);
        return ExitAsync();
    }

    /// <summary>Sends a signal until it counts as the second one, and returns the exit status.</summary>
    public async Task<int> AbortAsync(int signal)
    {
        Task aborts = Log.FirstAsync("a second ");
        while (await Task.WhenAny(aborts, Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken)) != aborts)
        {
            Send(signal);
        }

        await aborts;
        return await ExitAsync();
    }

    /// <summary>Waits for the end and returns the exit status.</summary>
    public async Task<int> ExitAsync()
    {
        int status = await StatusAsync();
        await Log.Ended.Guarded();
        return status;
    }

    /// <summary>
    /// Waits for the end and returns the exit status, without reading output that is not being read yet.
    /// </summary>
    public async Task<int> StatusAsync()
    {
        try
        {
            await _process.WaitForExitAsync(TestContext.Current.CancellationToken).Guarded();
        }
        catch (TimeoutException)
        {
            Assert.Fail($"The daemon goes on:\n{string.Join('\n', _log.IsValueCreated ? Log.Lines : [])}");
        }

        return _process.ExitCode;
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
