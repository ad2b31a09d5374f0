using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Servers;

/// <summary>
/// A running server, on a port and in a session of its own. Dispose ends it and everything it has started. It
/// is killed if this process dies.
/// </summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly ServerOutput _output;
    private readonly StoreDirectory? _directory;
    private readonly string _name;

    private ServerProcess(
        ServerCommand server, Process process, ServerOutput output, StoreDirectory? directory, IPEndPoint endPoint)
    {
        (_name, _process, _output, _directory, EndPoint) = (server.Name, process, output, directory, endPoint);
        Address = TargetAddress.Of(endPoint).Speaking(server.Protocol);
        LinesFile = server.LinesFile is { } file ? Path.Combine(directory!.Path, file) : null;
    }

    /// <summary>The server's address and protocol.</summary>
    public TargetAddress Address { get; }

    public IPEndPoint EndPoint { get; }

    /// <summary>The file to which the server writes every line; null if there is none.</summary>
    public string? LinesFile { get; }

    public int Id => _process.Id;

    /// <summary>Starts a server on these cores and waits until it listens.</summary>
    /// <param name="server">A server that supports the workload.</param>
    /// <param name="cores">The cores that it may use.</param>
    /// <param name="workload">Says how the server is started; null to echo.</param>
    /// <param name="redis">The Redis that it asks, if the workload needs one.</param>
    /// <param name="storeRoot">Where its {directory} is made; null for <see cref="StoreDirectory.RootOf"/>.</param>
    /// <exception cref="RunFailedException">
    /// The server cannot be started, does not listen in time, or another process than the one that was
    /// started listens.
    /// </exception>
    public static ServerProcess Start(
        ServerCommand server, Cores cores, Workload? workload = null, ServerProcess? redis = null, string? storeRoot = null)
    {
        Prepare(server);
        int port = FreePort();
        string command = server.For(port, workload, redis?.EndPoint.Port);
        if (command.Contains("{root}", StringComparison.Ordinal))
        {
            // Only if needed: with other servers, lineperf also works outside its checkout.
            command = command.Replace("{root}", Checkout.Root, StringComparison.Ordinal);
        }

        StoreDirectory? directory = null;
        if (command.Contains("{directory}", StringComparison.Ordinal))
        {
            directory = StoreDirectory.Create(storeRoot ?? StoreDirectory.RootOf(null));
            command = command.Replace("{directory}", directory.Path, StringComparison.Ordinal);
        }

        // Each program replaces itself by the next (exec), so the process is the server; it is killed if this
        // process dies. The output is redirected before the command is parsed, because sh reads line by line:
        // so syntax errors of the command are in the output.
        var output = new ServerOutput();
        var start = new ProcessStartInfo(
            "setsid",
            [
                "taskset", "-c", cores.Text, "setpriv", "--pdeathsig", "KILL",
                "sh", "-c", $"exec >'{output.Path}' 2>&1 </dev/null\nexec {command}",
            ]);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            output.Dispose();
            directory?.Dispose();
            throw new RunFailedException($"cannot start '{server.Name}' with setsid (util-linux): {e.Message}");
        }

        var endPoint = new IPEndPoint(IPAddress.Loopback, port);
        var started = new ServerProcess(server, process, output, directory, endPoint);
        try
        {
            started.AwaitListening(server.StartLimit);
            return started;
        }
        catch
        {
            started.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Adds the server's exit status and last output to a failure, if the server has ended.
    /// </summary>
    public RunFailedException Explain(RunFailedException failure)
    {
        // Connections may be lost before the process ends: with many thousand threads that takes a while.
        bool ended = _process.WaitForExit(EndTimeout);
        string end = ended ? $"; the server has ended with status {_process.ExitCode}{_output.LastWords()}" : "";
        return new($"'{_name}': {failure.Message}{end}");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _ = MeasuringCalls.Kill(Id, MeasuringCalls.SignalTerminate);
            _process.WaitForExit(StopTimeout);
        }

        // Kills what is left of the process group, which has the server's id: processes that the server has
        // started may outlive it.
        _ = MeasuringCalls.Kill(-Id, MeasuringCalls.SignalKill);
        _process.WaitForExit();
        _process.Dispose();
        _output.Dispose();
        _directory?.Dispose();
    }

    private static void Prepare(ServerCommand server)
    {
        if (server.BuiltOnUse)
        {
            // The build's output goes to standard error; standard output is for the report.
            var build = new ProcessStartInfo("bash", ["-c", $"cd '{Checkout.Root}' && {server.BuiltBy} >&2"]);
            using Process building = Process.Start(build)!;
            building.WaitForExit();
            if (building.ExitCode != 0)
            {
                throw new RunFailedException(
                    $"'{server.Name}' cannot be built: " +
                    $"{ReasonOf(server) ?? $"{server.BuiltBy} ended with status {building.ExitCode}"}");
            }
        }

        if (server.Needs is { } file && !File.Exists(Path.Combine(Checkout.Root, file)))
        {
            throw new RunFailedException($"'{server.Name}' needs {file}; it is built by: {server.BuiltBy}");
        }
    }

    // A failed build writes its reason to a file beside the missing one.
    private static string? ReasonOf(ServerCommand server)
    {
        string file = Path.Combine(Checkout.Root, server.Needs + ".reason");
        return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
    }

    private void AwaitListening(TimeSpan limit)
    {
        long start = Stopwatch.GetTimestamp();
        while (!IsListening())
        {
            if (_process.WaitForExit(Poll))
            {
                throw new RunFailedException(
                    $"'{_name}' ended with status {_process.ExitCode} before it listened" +
                    (_process.ExitCode == 0 ? " (a server must not put itself into the background)" : "") +
                    _output.LastWords());
            }

            if (Stopwatch.GetElapsedTime(start) > limit)
            {
                throw new RunFailedException(
                    $"'{_name}' did not listen on port {EndPoint.Port} within {limit.TotalSeconds:0} s" +
                    _output.LastWords());
            }
        }

        // The process that was started is measured. If that is a shell that waits for the server, its CPU
        // time is not the server's.
        if (!ListeningPort.IsHeldBy(Id, EndPoint.Port))
        {
            throw new RunFailedException(
                $"'{_name}': another process listens than the one that was started: the command must end with `exec` of " +
                $"the server, and must not put it into the background{_output.LastWords()}");
        }
    }

    private bool IsListening()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(EndPoint);

            // The free port is an ephemeral one: a connect may meet itself there (simultaneous open).
            return !socket.LocalEndPoint!.Equals(socket.RemoteEndPoint);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
