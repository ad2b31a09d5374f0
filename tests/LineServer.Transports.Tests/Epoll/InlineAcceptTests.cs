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
    public async Task Every_accept_goes_on_on_the_loop_wherever_it_was_begun_and_whether_or_not_it_waits()
    {
        await using EpollTransport<LinuxSystemCalls> factory = Create(out EpollUnderTest<LinuxSystemCalls> transport);
        await using IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        ((IEventLoopListener)listener).AcceptsInline = true;
        int elsewhere = 0;
        for (int round = 0; round < 200; round++)
        {
            // In every second round the client comes first, and the accept need not wait.
            Task<ConnectionContext?> accepting = round % 2 == 0 ? AcceptAsync() : Task.FromResult<ConnectionContext?>(null);
            using Peer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
            ConnectionContext? accepted = await (round % 2 == 0 ? accepting : AcceptAsync()).InTime();
            await accepted!.DisposeAsync().InTime();
        }

        Assert.Equal(0, elsewhere);

        async Task<ConnectionContext?> AcceptAsync()
        {
            await Task.Yield();
            ConnectionContext? connection = await listener.AcceptAsync();
            elsewhere += IsOnLoop ? 0 : 1;
            await Task.Run(static () => { });
            return connection;
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
