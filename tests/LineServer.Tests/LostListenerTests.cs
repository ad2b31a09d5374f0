using System.Net;
using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>A listening socket that is shut down from outside, as `ss -K` or a process that shares it can do.</summary>
public class LostListenerTests
{
    [Fact]
    public async Task The_daemon_says_so_and_ends_with_status_1_so_that_systemd_restarts_it()
    {
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", "tcp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0");
        var endPoint = (IPEndPoint)await daemon.EndPointAsync();
        using LineSocket client = await LineSocket.ConnectAsync(endPoint);
        await client.SendAsync("before\n");
        Assert.Equal("before", await client.ReadLineAsync());
        using (Socket shared = SharedSocket.Listening(daemon.Id, endPoint.Port))
        {
            shared.Shutdown(SocketShutdown.Both);
        }

        string line = await daemon.Log.FirstAsync("stopped accepting unexpectedly");
        Assert.Contains("no longer listens: its socket was shut down from outside", line, StringComparison.Ordinal);
        // A drain like any other: what was received is answered.
        Assert.Null(await client.ReadLineAsync());
        Assert.Equal(1, await daemon.StatusAsync());
    }
}
