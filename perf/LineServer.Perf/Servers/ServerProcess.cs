using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Servers;

/// <summary>A server that runs, on a port of its own, in a session of its own. It ends with this object, with all it has started; and with this process.</summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly ServerOutput _output;
    private readonly string _name;

    private ServerProcess(string name, Process process, ServerOutput output, TargetAddress address, IPEndPoint endPoint) =>
        (_name, _process, _output, Address, EndPoint) = (name, process, output, address, endPoint);

    /// <summary>Where it is, and how it is spoken to.</summary>
    public TargetAddress Address { get; }

    public IPEndPoint EndPoint { get; }

    public int Id => _process.Id;

    /// <summary>Starts a server on these cores, and waits until it listens.</summary>
    /// <param name="server">It supports the handler.</param>
    /// <param name="cores">Where it may run.</param>
    /// <param name="handler">What it shall do with lines.</param>
    /// <exception cref="RunFailedException">It cannot be started, does not listen in time, or what listens is not the process that was started.</exception>
    public static ServerProcess Start(ServerCommand server, Cores cores, string handler = "echo")
    {
        Prepare(server);
        int port = FreePort();
        string command = server.Command.Replace("{port}", port.ToString(), StringComparison.Ordinal).Replace("{handler}", handler, StringComparison.Ordinal);
        if (command.Contains("{root}", StringComparison.Ordinal))
        {
            // Only then: with servers of the user's own, lineperf works outside its checkout too.
            command = command.Replace("{root}", Checkout.Root, StringComparison.Ordinal);
        }

        // Each becomes the next (exec), so the process is the server. If this process is killed, so is the server.
        // The shell's own output goes to the file first: it reads line by line, so what it cannot make of the command is in it.
        var output = new ServerOutput();
        var start = new ProcessStartInfo(
            "setsid", ["taskset", "-c", cores.Text, "setpriv", "--pdeathsig", "KILL", "sh", "-c", $"exec >'{output.Path}' 2>&1 </dev/null\nexec {command}"]);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            output.Dispose();
            throw new RunFailedException($"cannot start '{server.Name}' with setsid (util-linux): {e.Message}");
        }

        var endPoint = new IPEndPoint(IPAddress.Loopback, port);
        var started = new ServerProcess(server.Name, process, output, TargetAddress.Of(endPoint).Speaking(server.Protocol), endPoint);
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

    /// <summary>A failure of a run, with what the server wrote if it has ended.</summary>
    public RunFailedException Explain(RunFailedException failure)
    {
        // Its connections may be gone before it is: one of many thousand threads takes a while to end.
        bool ended = _process.WaitForExit(EndTimeout);
        return new($"'{_name}': {failure.Message}{(ended ? $"; the server has ended with status {_process.ExitCode}{_output.LastWords()}" : "")}");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _ = MeasuringCalls.Kill(Id, MeasuringCalls.SignalTerminate);
            _process.WaitForExit(StopTimeout);
        }

        // Whoever is left of its process group, which has its number: what it has started, though it may have ended long ago itself.
        _ = MeasuringCalls.Kill(-Id, MeasuringCalls.SignalKill);
        _process.WaitForExit();
        _process.Dispose();
        _output.Dispose();
    }

    private static void Prepare(ServerCommand server)
    {
        if (server.BuiltOnUse)
        {
            // What it says goes to standard error; standard output is the report's.
            var build = new ProcessStartInfo("bash", ["-c", $"cd '{Checkout.Root}' && {server.BuiltBy} >&2"]);
            using Process building = Process.Start(build)!;
            building.WaitForExit();
            if (building.ExitCode != 0)
            {
                throw new RunFailedException($"'{server.Name}' cannot be built: {ReasonOf(server) ?? $"{server.BuiltBy} ended with status {building.ExitCode}"}");
            }
        }

        if (server.Needs is { } file && !File.Exists(Path.Combine(Checkout.Root, file)))
        {
            throw new RunFailedException($"'{server.Name}' needs {file}; it is built by: {server.BuiltBy}");
        }
    }

    // The build leaves it beside what it could not make.
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
                throw new RunFailedException($"'{_name}' ended with status {_process.ExitCode} before it listened{(_process.ExitCode == 0 ? " (a server is not to put itself into the background)" : "")}{_output.LastWords()}");
            }

            if (Stopwatch.GetElapsedTime(start) > limit)
            {
                throw new RunFailedException($"'{_name}' did not listen on port {EndPoint.Port} within {limit.TotalSeconds:0} s{_output.LastWords()}");
            }
        }

        // What is measured is the process that was started: of a shell, which waits for the server, that would be nothing.
        if (!ListeningPort.IsHeldBy(Id, EndPoint.Port))
        {
            throw new RunFailedException(
                $"'{_name}': the process that was started is not the one that listens: let its command end with `exec` of the server, and not put it into the background{_output.LastWords()}");
        }
    }

    private bool IsListening()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(EndPoint);

            // A free port is an ephemeral one: a connect may meet itself there (simultaneous open).
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
