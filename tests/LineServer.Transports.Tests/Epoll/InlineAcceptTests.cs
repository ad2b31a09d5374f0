using LineServer.Connections;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>A listener may be asked to accept on its event loop.</summary>
public class InlineAcceptTests
{
    private static bool IsOnLoop => Thread.CurrentThread.Name?.StartsWith("epoll-", StringComparison.Ordinal) == true;

    [Fact]
    public async Task An_accept_that_waits_off_the_loop_goes_on_on_it_and_so_do_all_that_follow()
    {
        const int Clients = 200;
        await using EpollTransport<LinuxSystemCalls> factory = Create(out EpollUnderTest<LinuxSystemCalls> transport);
        await using IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        ((IEventLoopListener)listener).AcceptsInline = true;
        int accepted = 0;
        int elsewhere = 0;
        var waits = new TaskCompletionSource();
        Task accepting = Task.Run(() =>
        {
            Task it = AcceptAllAsync();
            waits.SetResult();
            return it;
        });
        await waits.Task.InTime();
        for (int i = 0; i < Clients; i++)
        {
            // Every second client comes together with the next, and one of their accepts need not wait.
            using Peer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
            await Bounded.UntilTrue(() => i % 2 == 0 || Volatile.Read(ref accepted) == i + 1, $"client {i} is accepted");
        }

        await accepting.InTime();
        Assert.Equal(0, elsewhere);

        async Task AcceptAllAsync()
        {
            for (int i = 0; i < Clients; i++)
            {
                ConnectionContext? connection = await listener.AcceptAsync();
                elsewhere += IsOnLoop ? 0 : 1;
                _ = connection!.DisposeAsync().AsTask();
                Volatile.Write(ref accepted, i + 1);
            }
        }
    }

    [Fact]
    public async Task A_burst_gives_way_to_other_connections_after_a_bounded_number_of_accepts()
    {
        const int Burst = 300;
        await using EpollTransport<LinuxSystemCalls> factory = Create(out EpollUnderTest<LinuxSystemCalls> transport);
        await using IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        var clients = new List<Peer>();
        for (int i = 0; i < Burst; i++)
        {
            clients.Add(await SocketPeer.ConnectAsync(listener.EndPoint));
        }

        EventLoop loop = factory.Loops.All[0];
        ((IEventLoopListener)listener).AcceptsInline = true;
        var accepted = new List<(ConnectionContext Connection, int Iteration)>();
        await Task.Run(async () =>
        {
            while (accepted.Count < Burst)
            {
                ConnectionContext connection = (await listener.AcceptAsync())!;
                accepted.Add((connection, loop.Iteration));
            }

            await Task.Run(static () => { });
        }).InTime();
        int most = accepted.GroupBy(it => it.Iteration).Max(iteration => iteration.Count());
        foreach ((ConnectionContext connection, _) in accepted)
        {
            await connection.DisposeAsync().InTime();
        }

        clients.ForEach(client => client.Dispose());
        Assert.InRange(most, 2, 64);
    }

    [Fact]
    public async Task An_inline_accept_that_waits_ends_when_the_listener_is_unbound_or_the_accept_is_cancelled()
    {
        await using EpollTransport<LinuxSystemCalls> factory = Create(out EpollUnderTest<LinuxSystemCalls> transport);
        await using IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        ((IEventLoopListener)listener).AcceptsInline = true;
        using var cancelling = new CancellationTokenSource();
        Task<ConnectionContext?> accepting = listener.AcceptAsync(cancelling.Token).AsTask();
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accepting.InTime());
        accepting = listener.AcceptAsync().AsTask();
        await listener.UnbindAsync().InTime();
        Assert.Null(await accepting.InTime());
        Assert.Null(await listener.AcceptAsync().InTime());
    }

    [Fact]
    public async Task An_inline_accept_that_waits_ends_with_the_transport()
    {
        EpollTransport<LinuxSystemCalls> factory = Create(out EpollUnderTest<LinuxSystemCalls> transport);
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        ((IEventLoopListener)listener).AcceptsInline = true;
        Task<ConnectionContext?> accepting = listener.AcceptAsync().AsTask();
        await factory.DisposeAsync().InTime();
        Assert.Null(await accepting.InTime());
        await listener.DisposeAsync().InTime();
    }

    private static EpollTransport<LinuxSystemCalls> Create(out EpollUnderTest<LinuxSystemCalls> transport)
    {
        transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        return transport.Create(new TransportSettings { Backlog = 512 }, options => options.LoopCount = 1);
    }
}
