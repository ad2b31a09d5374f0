using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Connections over loops, and what is left when loops end.</summary>
public class LoopTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(7)]
    public async Task A_thousand_connections_divide_over_the_loops_with_at_most_a_tenth_between_them(int loops)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        await using EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings(), options => options.LoopCount = loops);
        await using Listening listening = await ListenAsync(transport, factory);
        var pairs = new List<Pair>();
        for (int i = 0; i < 1000; i++)
        {
            pairs.Add(await listening.PairAsync());
        }

        int[] counts = [.. factory.Loops.All.Select(loop => loop.ConnectionCount)];
        Assert.Equal(1000, counts.Sum());
        Assert.True(counts.Max() - counts.Min() <= counts.Max() / 10, string.Join(' ', counts));
        // Those that leave leave room: the next ones level it out.
        for (int i = 0; i < 1000; i += loops)
        {
            await pairs[i].DisposeAsync();
        }

        for (int i = 0; i < 1000; i += loops)
        {
            pairs[i] = await listening.PairAsync();
        }

        counts = [.. factory.Loops.All.Select(loop => loop.ConnectionCount)];
        Assert.True(counts.Max() - counts.Min() <= counts.Max() / 10, string.Join(' ', counts));
        foreach (Pair pair in pairs)
        {
            await pair.DisposeAsync();
        }

        Assert.All(factory.Loops.All, loop => Assert.Equal(0, loop.ConnectionCount));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Disposing_the_transport_ends_every_wait(bool inline)
    {
        for (int round = 0; round < 20; round++)
        {
            var transport = new EpollUnderTest<LinuxSystemCalls>(inline);
            EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings());
            IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
            using Peer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
            ConnectionContext? server = await listener.AcceptAsync().InTime();
            Task<ConnectionContext?> accepting = listener.AcceptAsync().AsTask();
            Task reading = Task.Run(async () => await server!.Transport.Input.ReadToEndAsync());
            Task writing = Task.Run(() => Payload.WriteAsync(server!.Transport.Output, 1, long.MaxValue, 4096));
            await factory.DisposeAsync().InTime();
            await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading.InTime());
            await Record.ExceptionAsync(() => writing.InTime("the writer"));
            Assert.IsNotType<TimeoutException>(await Record.ExceptionAsync(() => writing.InTime()));
            Assert.Null(await accepting.InTime());
            await server!.DisposeAsync().InTime();
            await listener.DisposeAsync().InTime();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_transport_can_be_disposed_from_its_own_loop(bool inline)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline);
        EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings());
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        using Peer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        ConnectionContext? server = await listener.AcceptAsync().InTime();
        Task disposing = Task.Run(async () =>
        {
            await server!.Transport.Input.ReadAsync();
            await factory.DisposeAsync(); // here, inline, this is the loop's thread
        });
        await peer.SendAsync(new byte[1]);
        await disposing.InTime();
    }

    private static async Task<Listening> ListenAsync(Transport transport, EpollTransport<LinuxSystemCalls> factory)
    {
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        return new Listening(listener, null, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
    }
}
