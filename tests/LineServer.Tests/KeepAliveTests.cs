using System.Net;
using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>A peer that vanished without a word is found by the kernel's keep-alive probes.</summary>
public class KeepAliveTests
{
    public static TheoryData<string, string[], int[]> Settings => new()
    {
        // SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT
        { "epoll", [], [1, 60, 10, 5] },
        { "sockets", [], [1, 60, 10, 5] },
        { "epoll", ["KeepAliveTime=00:00:07", "KeepAliveInterval=00:00:03", "KeepAliveRetryCount=2"], [1, 7, 3, 2] },
        { "sockets", ["KeepAliveTime=00:00:07", "KeepAliveInterval=00:00:03", "KeepAliveRetryCount=2"], [1, 7, 3, 2] },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public async Task Accepted_connections_have_keep_alive_as_configured_and_on_by_default(string transport, string[] limits, int[] options)
    {
        await using DaemonProcess daemon = Start(transport, limits);
        var endPoint = (IPEndPoint)await daemon.EndPointAsync();
        using LineSocket client = await LineSocket.ConnectAsync(endPoint);
        await AssertEchoesAsync(client);
        using Socket accepted = SharedSocket.Accepted(daemon.Id, endPoint.Port);
        Assert.Equal(options, Options(accepted));
    }

    [Theory]
    [InlineData("epoll")]
    [InlineData("sockets")]
    public async Task KeepAliveTime_null_turns_it_off(string transport)
    {
        await using DaemonProcess daemon = Start(transport, ["KeepAliveTime=null"]);
        var endPoint = (IPEndPoint)await daemon.EndPointAsync();
        using LineSocket client = await LineSocket.ConnectAsync(endPoint);
        await AssertEchoesAsync(client);
        using Socket accepted = SharedSocket.Accepted(daemon.Id, endPoint.Port);
        Assert.Equal(0, Options(accepted)[0]);
    }

    /// <summary>
    /// The daemon is in a network namespace of its own, and the cable is cut: a veth pair, one end down. Without SendTimeout, because
    /// TCP_USER_TIMEOUT takes the place of TCP_KEEPCNT (tcp(7)).
    /// </summary>
    [Theory]
    [InlineData("epoll", 1)]
    [InlineData("sockets", 2)]
    public async Task A_half_open_connection_is_closed_when_the_probes_stay_without_an_answer(string transport, int number)
    {
        Assert.SkipUnless(Environment.UserName == "root", "a network namespace needs root");
        string cable = $"lines{Environment.ProcessId % 100_000:X}{number}";
        string network = $"192.0.2.{number * 4}";
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(
            "--transport", transport, "--listen", "tcp://0.0.0.0:7007", "--set", "Limits:KeepAliveTime=00:00:01", "--set", "Limits:KeepAliveInterval=00:00:01", "--set", "Limits:KeepAliveRetryCount=1", "--set", "Limits:SendTimeout=null")
        {
            Through = ["unshare", "--net"],
            Environment = { ["Logging__LogLevel__Default"] = "Debug" },
        });
        // It has its namespace by now.
        await daemon.AddressAsync();
        await IpAsync("link", "add", cable, "type", "veth", "peer", "name", "cable", "netns", $"{daemon.Id}");
        try
        {
            await IpAsync("address", "add", $"192.0.2.{(number * 4) + 1}/30", "dev", cable);
            await IpAsync("link", "set", cable, "up");
            await InNamespaceAsync(daemon, "address", "add", $"192.0.2.{(number * 4) + 2}/30", "dev", "cable");
            await InNamespaceAsync(daemon, "link", "set", "cable", "up");
            using LineSocket client = await LineSocket.ConnectAsync(new IPEndPoint(IPAddress.Parse($"192.0.2.{(number * 4) + 2}"), 7007));
            await AssertEchoesAsync(client);
            await IpAsync("link", "set", cable, "down");
            await daemon.Log.FirstAsync("PeerReset");
        }
        finally
        {
            await IpAsync("link", "delete", cable);
        }

        Assert.Equal(0, await daemon.StopAsync());
    }

    private static DaemonProcess Start(string transport, string[] limits) =>
        DaemonProcess.Start(["--transport", transport, "--listen", "tcp://127.0.0.1:0", .. limits.SelectMany(limit => new[] { "--set", $"Limits:{limit}" })]);

    private static async Task AssertEchoesAsync(LineSocket client)
    {
        await client.SendAsync("there\n");
        Assert.Equal("there", await client.ReadLineAsync());
    }

    private static int[] Options(Socket socket) =>
    [
        (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!,
        (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!,
        (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval)!,
        (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount)!,
    ];

    private static Task IpAsync(params string[] arguments) => SucceedAsync("ip", arguments);

    private static Task InNamespaceAsync(DaemonProcess daemon, params string[] arguments) =>
        SucceedAsync("nsenter", ["--net", "--target", $"{daemon.Id}", "ip", .. arguments]);

    private static async Task SucceedAsync(string command, string[] arguments)
    {
        FinishedProcess finished = await Tool.RunAsync(command, arguments);
        Assert.True(finished.Status == 0, $"{command} {string.Join(' ', arguments)}: {finished.Error}");
    }
}
