using System.Net;
using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>The messages between systemd and the daemon, without a running systemd.</summary>
public sealed class SystemdTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task READY_comes_once_every_endpoint_accepts_and_STOPPING_when_the_drain_begins(bool isAbstract)
    {
        using var notify = new NotifySocket(isAbstract ? $"@lineserver-{Guid.NewGuid()}" : _directory["notify"]);
        string[] paths = [_directory["a"], _directory["b"], _directory["c"]];
        await using DaemonProcess daemon = DaemonProcess.Start(
            new DaemonStart([.. paths.SelectMany(path => new[] { "--listen", $"unix:{path}" }), "--handler", "delay"]) { Environment = { ["NOTIFY_SOCKET"] = notify.Name } });
        Assert.Equal(["READY=1", "STATUS=Accepting on 3 endpoints"], await notify.ReceiveAsync(), StringComparer.Ordinal);
        LineSocket[] clients = [.. await Task.WhenAll(paths.Select(path => LineSocket.ConnectAsync(new UnixDomainSocketEndPoint(path))))];
        await clients[0].SendAsync("0 there\n1000 answered\n");
        Assert.Equal("there", await clients[0].ReadLineAsync());
        daemon.Send(Signal.Terminate);
        Assert.Equal(["STOPPING=1", "STATUS=Draining"], await notify.ReceiveAsync(), StringComparer.Ordinal);
        Assert.Equal("answered\n", await clients[0].ReadToEndAsync());
        Assert.Equal(0, await daemon.ExitAsync());
        Array.ForEach(clients, client => client.Dispose());
    }

    [Fact]
    public async Task A_notify_socket_that_nobody_reads_is_a_warning()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(
            new DaemonStart("--listen", "tcp://127.0.0.1:0") { Environment = { ["NOTIFY_SOCKET"] = _directory["none"] } });
        Assert.Contains(" warn: ", await daemon.Log.FirstAsync($"systemd could not be told READY=1: NOTIFY_SOCKET={_directory["none"]}: "), StringComparison.Ordinal);
        await AssertEchoesAsync(await daemon.EndPointAsync());
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task Sockets_that_systemd_has_bound_are_served_by_name()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "systemd:lines", "--listen", "systemd:other", "--handler", "echo")
        {
            Through = ["systemd-socket-activate", "-l", FreePort().ToString(), "-l", _directory["unix"], "--fdname=other:lines"],
        });
        await daemon.Log.FirstAsync("Listening on /");
        var unix = new UnixDomainSocketEndPoint(_directory["unix"]);
        // The first connection starts the daemon.
        await AssertEchoesAsync(unix);
        Assert.Equal("systemd:lines", await daemon.AddressAsync("echo1"));
        await AssertEchoesAsync(await daemon.EndPointAsync("echo2"));
        await AssertEchoesAsync(unix);
        Assert.Equal(0, await daemon.StopAsync());
        // The socket belongs to systemd, which passes it to the next daemon.
        Assert.True(File.Exists(_directory["unix"]));
    }

    [Fact]
    public async Task All_sockets_of_one_name_are_served_by_its_endpoint()
    {
        IPEndPoint first = FreePort();
        IPEndPoint second = FreePort();
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "systemd:lines")
        {
            Through = ["systemd-socket-activate", "-l", first.ToString(), "-l", second.ToString(), "--fdname=lines:lines"],
        });
        await daemon.Log.UntilAsync(lines => lines.Count(line => line.Contains("Listening on", StringComparison.Ordinal)) == 2);
        await AssertEchoesAsync(first);
        await AssertEchoesAsync(second);
    }

    [Fact]
    public async Task A_name_that_systemd_has_not_passed_is_said_with_those_that_there_are()
    {
        IPEndPoint endPoint = FreePort();
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "systemd:lines")
        {
            Through = ["systemd-socket-activate", "-l", endPoint.ToString(), "--fdname=telnet"],
        });
        await daemon.Log.FirstAsync("Listening on");
        using LineSocket client = await LineSocket.ConnectAsync(endPoint);
        Assert.Equal(1, await daemon.ExitAsync());
        Assert.Equal(
            "lineserver: endpoint 'echo' cannot listen on systemd:lines: systemd has passed no socket of that name; it has passed: telnet", daemon.Log.Lines[^1]);
    }

    [Theory]
    [InlineData("$(stat -L -c %d:%i /dev/stderr)", @"^<6>LineServer\.")]
    [InlineData("8:1234", @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info: LineServer\.")]
    public async Task The_log_has_priorities_if_this_very_stream_goes_to_the_journal_and_times_elsewhere(string stream, string begin)
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0")
        {
            Through = ["sh", "-c", $"""JOURNAL_STREAM={stream} exec "$0" "$@" """],
        });
        await daemon.EndPointAsync();
        Assert.Equal(0, await daemon.StopAsync());
        Assert.All(daemon.Log.Lines, line => Assert.Matches(begin, line));
    }

    [Fact]
    public async Task The_units_are_valid_and_well_confined()
    {
        string units = Path.Combine(Built.RepositoryRoot, "packaging", "systemd");
        foreach (string unit in Directory.GetFiles(units, "lineserver.*").Where(unit => !unit.EndsWith(".json", StringComparison.Ordinal)))
        {
            // verify requires an executable that exists.
            string text = await File.ReadAllTextAsync(unit, TestContext.Current.CancellationToken);
            _directory.Write(Path.GetFileName(unit), text.Replace("/usr/bin/lineserver", Built.Daemon, StringComparison.Ordinal));
        }

        FinishedProcess verify = await Tool.RunAsync("systemd-analyze", "verify", "--man=no", _directory["lineserver.service"], _directory["lineserver.socket"]);
        Assert.Equal("", verify.Error);
        Assert.Equal(0, verify.Status);
        FinishedProcess security = await Tool.RunAsync("systemd-analyze", "security", "--offline=true", "--threshold=15", _directory["lineserver.service"]);
        Assert.True(security.Status == 0, security.Output + security.Error);
    }

    [Fact]
    public async Task The_configuration_that_is_packaged_is_valid() =>
        Assert.Equal(0, (await DaemonProcess.RunAsync("check", "--config", Path.Combine(Built.RepositoryRoot, "packaging", "systemd", "lineserver.json"), "--set", "Endpoints:echo:Address=tcp://127.0.0.1:0")).Status);

    // systemd-socket-activate does not accept port 0. The kernel does not reuse this port while others are
    // free.
    private static IPEndPoint FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    private static async Task AssertEchoesAsync(EndPoint endPoint)
    {
        using LineSocket client = await LineSocket.ConnectAsync(endPoint);
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
    }
}
