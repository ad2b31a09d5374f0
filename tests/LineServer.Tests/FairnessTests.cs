using System.Text;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>The defaults starve nobody.</summary>
public class FairnessTests
{
    private const int BusyConnections = 300;
    private const int QuietLines = 50;

    private static readonly byte[] Lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("busy busy busy busy busy\n", 64)));

    [Fact]
    public async Task By_default_the_transport_is_epoll_and_sockets_run_handlers_inline()
    {
        FinishedProcess check = await DaemonProcess.RunAsync("check");
        Assert.Equal(0, check.Status);
        Assert.Contains("\"Transport\": \"epoll\"", check.Output, StringComparison.Ordinal);
        Assert.Contains("\"UnsafePreferInlineScheduling\": true", check.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("epoll")]
    [InlineData("sockets")]
    public async Task A_quiet_client_among_busy_connections_is_answered(string transport)
    {
        await using DaemonProcess daemon = DaemonProcess.Start("--transport", transport, "--listen", "tcp://127.0.0.1:0");
        using LineSocket quiet = await daemon.ConnectAsync();
        using var stop = new CancellationTokenSource();
        Task[] busy = [.. await Task.WhenAll(Enumerable.Range(0, BusyConnections).Select(async _ => KeepBusyAsync(await daemon.ConnectAsync(), stop.Token)))];
        for (int i = 0; i < QuietLines; i++)
        {
            await quiet.SendAsync($"{i}\n");
            Assert.Equal($"{i}", await quiet.ReadLineAsync());
        }

        Assert.All(busy, task => Assert.False(task.IsCompleted, "a busy connection ended"));
        await stop.CancelAsync();
        await Task.WhenAll(busy).Guarded();
        Assert.Equal(0, await daemon.StopAsync());
    }

    // Sends again as soon as all of it has come back.
    private static async Task KeepBusyAsync(LineSocket client, CancellationToken stop)
    {
        using (client)
        {
            byte[] replies = new byte[Lines.Length];
            while (!stop.IsCancellationRequested)
            {
                await client.SendAsync(Lines);
                for (int count = 0; count < replies.Length;)
                {
                    int received = await client.Socket.ReceiveAsync(replies.AsMemory(count), CancellationToken.None).Guarded();
                    Assert.NotEqual(0, received);
                    count += received;
                }
            }
        }
    }
}
