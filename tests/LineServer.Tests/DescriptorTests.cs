using System.Globalization;
using System.Net;
using LineServer.Tests.Support;

namespace LineServer.Tests;

public class DescriptorTests
{
    [Fact]
    public async Task A_server_without_descriptors_left_survives_and_serves_again_when_clients_leave()
    {
        const int Limit = 200;
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0", "--set", "Limits:MaxConcurrentConnections=1000") { Through = ["prlimit", $"--nofile={Limit}"] });
        EndPoint endPoint = await daemon.EndPointAsync();
        var clients = new List<LineSocket>();
        // The excess connections wait in the accept queue: connect(2) succeeds.
        for (int i = 0; i < 2 * Limit; i++)
        {
            clients.Add(await LineSocket.ConnectAsync(endPoint));
        }

        LineSocket first = clients[0];
        await first.SendAsync("first\n");
        Assert.Equal("first", await first.ReadLineAsync());
        await daemon.Log.FirstAsync("stops accepting for now: few file descriptors are left (RLIMIT_NOFILE)");
        LineSocket last = clients[^1];
        await last.SendAsync("last\n");
        foreach (LineSocket client in clients.Except([first, last]))
        {
            client.Dispose();
        }

        Assert.Equal("last", await last.ReadLineAsync());
        first.Dispose();
        last.Dispose();
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task Connections_are_limited_by_the_descriptors_at_hand_and_those_beyond_are_refused_at_once()
    {
        const int Limit = 200;
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0") { Through = ["prlimit", $"--nofile={Limit}"] });
        EndPoint endPoint = await daemon.EndPointAsync();
        string started = await daemon.Log.FirstAsync("MaxConcurrentConnections ");
        int most = int.Parse(started.Split("MaxConcurrentConnections ")[1].Split(',')[0], CultureInfo.InvariantCulture);
        Assert.InRange(most, 1, Limit - 64);
        var clients = new List<LineSocket>();
        for (int i = 0; i < most; i++)
        {
            clients.Add(await LineSocket.ConnectAsync(endPoint));
            await clients[^1].SendAsync("in\n");
            Assert.Equal("in", await clients[^1].ReadLineAsync());
        }

        using LineSocket refused = await LineSocket.ConnectAsync(endPoint);
        Assert.Equal("", await refused.ReadToEndAsync());
        await daemon.Log.FirstAsync("refused: TooManyConnections");
        clients.ForEach(static client => client.Dispose());
        Assert.Equal(0, await daemon.StopAsync());
    }
}
