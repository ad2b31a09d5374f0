using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Servers;

/// <summary>A server that runs, on a port of its own. It ends with this object, and with this process.</summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly string _output;
    private readonly string _name;

    private ServerProcess(string name, Process process, string output, ServerAddress address, IPEndPoint endPoint) =>
        (_name, _process, _output, Address, EndPoint) = (name, process, output, address, endPoint);

    /// <summary>Where it is, and how it is spoken to.</summary>
    public ServerAddress Address { get; }

    public IPEndPoint EndPoint { get; }

    public int Id => _process.Id;

    /// <summary>Starts a server on these cores, and waits until it listens.</summary>
    /// <param name="server">It supports the handler.</param>
    /// <param name="cores">Where it may run.</param>
    /// <param name="handler">What it shall do with lines.</param>
    /// <exception cref="RunFailedException">It cannot be started, or does not listen within 10 s.</exception>
    public static ServerProcess Start(ServerCommand server, Cores cores, string handler = "echo")
    {
        Prepare(server);
        int port = FreePort();
        string output = Path.GetTempFileName();
        string command = server.Command.Replace("{port}", port.ToString(), StringComparison.Ordinal).Replace("{handler}", handler, StringComparison.Ordinal);
        if (command.Contains("{root}", StringComparison.Ordinal))
        {
            // Only then: with servers of the user's own, lineperf works outside its checkout too.
            command = command.Replace("{root}", Checkout.Root, StringComparison.Ordinal);
        }

        // Each becomes the next (exec), so the process is the server. It writes to a file: a pipe would want a reader, beside the generator.
        // If this process is killed, so is the server.
        var start = new ProcessStartInfo("taskset", ["-c", cores.Text, "setpriv", "--pdeathsig", "KILL", "sh", "-c", $"exec {command} >'{output}' 2>&1 </dev/null"]);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            File.Delete(output);
            throw new RunFailedException($"cannot start '{server.Name}' with taskset (util-linux): {e.Message}");
        }

        var endPoint = new IPEndPoint(IPAddress.Loopback, port);
        var started = new ServerProcess(server.Name, process, output, ServerAddress.Of(endPoint).Speaking(server.Protocol), endPoint);
        try
        {
            started.AwaitListening();
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
        return new($"'{_name}': {failure.Message}{(ended ? $"; the server has ended with status {_process.ExitCode}{Output()}" : "")}");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _ = Libc.Kill(Id, Libc.SignalTerminate);
            if (!_process.WaitForExit(StopTimeout))
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit();
            }
        }

        _process.Dispose();
        File.Delete(_output);
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

    private void AwaitListening()
    {
        long start = Stopwatch.GetTimestamp();
        while (!IsListening())
        {
            if (_process.WaitForExit(Poll))
            {
                throw new RunFailedException($"'{_name}' ended with status {_process.ExitCode} before it listened{Output()}");
            }

            if (Stopwatch.GetElapsedTime(start) > StartTimeout)
            {
                throw new RunFailedException($"'{_name}' did not listen on port {EndPoint.Port} within {StartTimeout.TotalSeconds:0} s{Output()}");
            }
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

    private string Output()
    {
        const int Shown = 4;
        string[] lines = [.. File.ReadLines(_output).Where(line => line.Length > 0).TakeLast(Shown).Select(line => line.Trim())];
        return lines.Length == 0 ? "" : $"; its last words: {string.Join(" | ", lines)}";
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
