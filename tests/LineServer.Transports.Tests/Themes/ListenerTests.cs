using System.Net;
using System.Net.Sockets;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Themes;

/// <summary>Accepting begins, is waited for, and ends.</summary>
public abstract class ListenerTests(Transport transport)
{
    [Fact]
    public async Task An_accept_that_waits_ends_with_nothing_when_the_listener_is_unbound()
    {
        await using Listening listening = await transport.ListenAsync();
        Task<ConnectionContext?> accepting = listening.Listener.AcceptAsync().AsTask();
        Assert.False(accepting.IsCompleted);
        await listening.Listener.UnbindAsync().InTime();
        Assert.Null(await accepting.InTime());
        Assert.Null(await listening.Listener.AcceptAsync().InTime());
    }

    [Fact]
    public async Task Connections_live_on_after_the_listener_is_unbound()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await listening.Listener.UnbindAsync().InTime();
        await pair.Peer.SendAsync("ping"u8.ToArray()).InTime();
        Assert.Equal("ping"u8.ToArray(), await pair.Input.ReadExactlyAsync(4).InTime());
        await pair.Output.WriteAsync("pong"u8.ToArray()).InTime();
        Assert.Equal("pong"u8.ToArray(), await pair.Peer.ReceiveExactlyAsync(4).InTime());
    }

    [Fact]
    public async Task Connections_that_wait_in_the_backlog_when_the_listener_is_unbound_are_accepted_where_the_transport_can()
    {
        const int Waiting = 20;
        await using Listening listening = await transport.ListenAsync();
        var peers = new List<Peer>();
        for (int i = 0; i < Waiting; i++)
        {
            Peer peer = await listening.ConnectAsync();
            await peer.SendAsync(new[] { (byte)i }).InTime();
            peers.Add(peer);
        }

        await listening.Listener.UnbindAsync().InTime();
        int accepted = 0;
        while (await listening.Listener.AcceptAsync().InTime() is { } connection)
        {
            byte[] bytes = await connection.Transport.Input.ReadExactlyAsync(1).InTime();
            await connection.Transport.Output.WriteAsync(bytes).InTime();
            await connection.DisposeAsync().InTime();
            accepted++;
        }

        Assert.Equal(transport.AcceptsBacklogAfterUnbind ? Waiting : 0, accepted);
        for (int i = 0; i < Waiting; i++)
        {
            if (transport.AcceptsBacklogAfterUnbind)
            {
                Assert.Equal([(byte)i], await peers[i].ReceiveToEndAsync().InTime());
            }
            else
            {
                // Kestrel's sockets close the listening socket, and the kernel resets what waited there.
                await Assert.ThrowsAsync<SocketException>(() => peers[i].ReceiveToEndAsync().InTime());
            }

            peers[i].Dispose();
        }
    }

    [Fact]
    public async Task An_accept_can_be_cancelled_and_the_next_one_accepts()
    {
        await using Listening listening = await transport.ListenAsync();
        using var source = new CancellationTokenSource();
        Task<ConnectionContext?> accepting = listening.Listener.AcceptAsync(source.Token).AsTask();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accepting.InTime());
        await using Pair pair = await listening.PairAsync();
        Assert.NotNull(pair.Server);
    }

    [Fact]
    public async Task Many_clients_that_come_at_once_are_all_accepted()
    {
        const int Clients = 300;
        await using Listening listening = await transport.ListenAsync();
        Task<Peer>[] connecting = [.. Enumerable.Range(0, Clients).Select(_ => Task.Run(() => listening.ConnectAsync()))];
        var accepted = new List<ConnectionContext>();
        for (int i = 0; i < Clients; i++)
        {
            accepted.Add(await listening.AcceptAsync());
        }

        foreach (Task<Peer> connected in connecting)
        {
            (await connected.InTime()).Dispose();
        }

        await Task.WhenAll(accepted.Select(connection => connection.DisposeAsync().AsTask())).InTime();
    }

    [Fact]
    public async Task A_connection_that_is_reset_before_it_is_accepted_does_not_end_accepting()
    {
        await using Listening listening = await transport.ListenAsync();
        for (int i = 0; i < 20; i++)
        {
            (await listening.ConnectAsync()).Reset();
        }

        using Peer last = await listening.ConnectAsync();
        await last.SendAsync("last"u8.ToArray());
        string text = "";
        while (text != "last")
        {
            ConnectionContext connection = await listening.AcceptAsync();
            try
            {
                text = System.Text.Encoding.ASCII.GetString(await connection.Transport.Input.ReadExactlyAsync(4).InTime());
            }
            catch (ConnectionResetException)
            {
                // One of the others.
            }

            await connection.DisposeAsync().InTime();
        }
    }
}
