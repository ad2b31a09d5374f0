using System.Net;
using LineServer.Tests.Support;

namespace LineServer.Tests;

public class DescriptorTests
{
    [Fact]
    public async Task A_server_without_descriptors_left_survives_and_serves_again_when_clients_leave()
    {
        const int Limit = 200;
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0") { Through = ["prlimit", $"--nofile={Limit}"] });
        EndPoint endPoint = await daemon.EndPointAsync();
        var clients = new List<LineSocket>();
        // Those that are too many wait in the accept queue: connect(2) succeeds.
        for (int i = 0; i < 2 * Limit; i++)
        {
            clients.Add(await LineSocket.ConnectAsync(endPoint));
        }

        LineSocket first = clients[0];
        await first.SendAsync("first\n");
        Assert.Equal("first", await first.ReadLineAsync());
        await daemon.Log.FirstAsync("accepts no more for now: few file descriptors are left (RLIMIT_NOFILE)");
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
}
