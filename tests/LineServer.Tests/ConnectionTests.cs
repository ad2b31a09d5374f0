using System.Net;
using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>Many clients, and clients that behave badly.</summary>
public class ConnectionTests
{
    [Fact]
    public async Task Two_thousand_connections_at_once_get_the_right_answers()
    {
        const int Count = 2000;
        await using DaemonProcess daemon = DaemonProcess.Serve("echo");
        var endPoint = await daemon.EndPointAsync();
        LineSocket[] clients = await Task.WhenAll(Enumerable.Range(0, Count).Select(_ => LineSocket.ConnectAsync(endPoint)));
        string[] replies = await Task.WhenAll(clients.Select(async (client, i) =>
        {
            await client.SendAsync($"{i} one\n{i} two\r\n{i} th");
            await client.SendAsync("ree\n");
            string? first = await client.ReadLineAsync();
            client.HalfClose();
            return $"{first}\n{await client.ReadToEndAsync()}";
        }));
        Array.ForEach(clients, client => client.Dispose());
        Assert.Equal(Enumerable.Range(0, Count).Select(i => $"{i} one\n{i} two\r\n{i} three\n"), replies, StringComparer.Ordinal);
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task A_client_that_half_closes_gets_every_reply_and_then_the_end()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("50 first\n1 second\n0 third\n0 never");
        client.HalfClose();
        Assert.Equal("first\nsecond\nthird\n", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task A_client_that_never_reads_is_held_in_bounds_and_aborted_and_others_are_served_meanwhile()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0", "--set", "Limits:SendTimeout=00:00:02")
        {
            Environment = { ["Logging__LogLevel__LineServer.Hosting"] = "Debug" },
        });
        using LineSocket greedy = await daemon.ConnectAsync();
        using LineSocket other = await daemon.ConnectAsync();
        long before = daemon.ResidentBytes;
        byte[] lines = [.. Enumerable.Repeat("0123456789abcdef\n"u8.ToArray(), 60_000).SelectMany(line => line)];
        long sent = 0;
        SocketException? end = null;
        while (end is null)
        {
            try
            {
                // Completes while the kernel and the server take bytes; fails when the server aborts the
                // connection.
                sent += await greedy.Socket.SendAsync(lines).Guarded();
                await other.SendAsync("still here\n");
                Assert.Equal("still here", await other.ReadLineAsync());
            }
            catch (SocketException e)
            {
                end = e;
            }
        }

        Assert.Equal(SocketError.ConnectionReset, end.SocketErrorCode);
        Assert.EndsWith("ended: SendTimeout", await daemon.Log.FirstAsync("ended:"), StringComparison.Ordinal);
        // The kernel's buffers on both sides; the server holds 64 KiB.
        Assert.InRange(sent, 1, 64 << 20);
        Assert.InRange(daemon.ResidentBytes - before, long.MinValue, 64 << 20);
        await other.SendAsync("and here\n");
        Assert.Equal("and here", await other.ReadLineAsync());
    }

    /// <summary>
    /// The kernel limits unacknowledged bytes by the same time (TCP_USER_TIMEOUT), and may be the first to notice. Here it
    /// surely is: its limit is shortened.
    /// </summary>
    [Theory]
    [InlineData("epoll")]
    [InlineData("sockets")]
    public async Task A_client_that_never_reads_ends_with_SendTimeout_also_when_the_kernel_gives_it_up(string transport)
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--transport", transport, "--listen", "tcp://127.0.0.1:0")
        {
            Environment = { ["Logging__LogLevel__LineServer.Hosting"] = "Debug" },
        });
        using LineSocket greedy = await daemon.ConnectAsync();
        await greedy.SendAsync("first\n");
        Assert.Equal("first", await greedy.ReadLineAsync());
        using (Socket accepted = SharedSocket.Accepted(daemon.Id, ((IPEndPoint)await daemon.EndPointAsync()).Port))
        {
            const int UserTimeout = 18; // <linux/tcp.h>
            accepted.SetRawSocketOption((int)SocketOptionLevel.Tcp, UserTimeout, BitConverter.GetBytes(300));
        }

        byte[] lines = [.. Enumerable.Repeat("0123456789abcdef\n"u8.ToArray(), 60_000).SelectMany(line => line)];
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            while (true)
            {
                await greedy.Socket.SendAsync(lines).Guarded();
            }
        });
        Assert.EndsWith("ended: SendTimeout", await daemon.Log.FirstAsync("ended:"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_vanishes_by_reset_disturbs_nobody_and_is_no_error()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0")
        {
            Environment = { ["Logging__LogLevel__LineServer.Hosting"] = "Debug" },
        });
        using LineSocket other = await daemon.ConnectAsync();
        for (int i = 0; i < 20; i++)
        {
            using LineSocket client = await daemon.ConnectAsync();
            await client.SendAsync("line\nhalf a li");
            Assert.Equal("line", await client.ReadLineAsync());
            client.Reset();
        }

        await daemon.Log.UntilAsync(lines => lines.Count(line => line.EndsWith("ended: PeerReset", StringComparison.Ordinal)) == 20);
        await other.SendAsync("still here\n");
        Assert.Equal("still here", await other.ReadLineAsync());
        Assert.Equal(0, await daemon.StopAsync());
        Assert.DoesNotContain(daemon.Log.Lines, line => line.Contains(" fail: ", StringComparison.Ordinal) || line.Contains(" warn: LineServer.Hosting", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_handler_that_throws_ends_its_connection_and_no_other()
    {
        // The error reply of the delay handler contains an e, but a reply must not contain the delimiter.
        await using DaemonProcess daemon = DaemonProcess.Serve("delay", "Framing:Delimiter=101");
        using LineSocket other = await daemon.ConnectAsync();
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("0 okexe0 ke");
        Assert.Equal("oke", await client.ReadToEndAsync());
        Assert.Contains(" on delay: the handler failed", await daemon.Log.FirstAsync("fail:"), StringComparison.Ordinal);
        await other.SendAsync("0 still heree");
        other.HalfClose();
        Assert.Equal("still he", await other.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
    }
}
