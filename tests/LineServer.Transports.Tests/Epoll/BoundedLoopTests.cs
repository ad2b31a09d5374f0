using System.Buffers;
using System.IO.Pipelines;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>No connection has its loop for as long as it likes: neither by what it sends, nor when the loop is to end.</summary>
[Collection(nameof(Alone))]
public class BoundedLoopTests
{
    private const int Budget = 128 * 1024;
    private const int Size = 8 * 1024 * 1024;

    [Fact]
    public async Task A_peer_that_takes_everything_at_once_does_not_hold_the_loop_longer_than_the_budget()
    {
        var transport = new EpollUnderTest<MeteredSystemCalls>(inline: true);
        EpollTransport<MeteredSystemCalls> factory = transport.Create(new TransportSettings { MaxWriteBufferSize = 0 }, options =>
        {
            options.LoopCount = 1;
            options.ReadBudget = Budget;
        });
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
        EventLoop loop = factory.Loops.All[0];
        (Pair pair, Task handling) = await PairOnLoop.ConnectAsync(listening, loop, async server =>
        {
            MeteredSystemCalls.Watch(loop, (int)server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket.Handle);
            server.Transport.Output.Write(new byte[Size]);
            await server.Transport.Output.FlushAsync();
        });
        await pair.Peer.ReceiveExactlyAsync(Size).InTime();
        await handling.InTime();
        long most = MeteredSystemCalls.MostSentInIteration;
        MeteredSystemCalls.Watch(null, -1);
        await pair.DisposeAsync();
        // The send of the flush itself comes before the queue, and the last send may begin just within the budget.
        Assert.InRange(most, 1, Budget + (2 * MeteredSystemCalls.Piece));
    }

    [Fact]
    public async Task A_transport_whose_loop_is_blocked_for_good_is_disposed_in_bounded_time()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings(), options => options.LoopCount = 1);
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        using Peer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        ConnectionContext server = (await listener.AcceptAsync().InTime())!;
        using var isBlocked = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        Task blocking = Task.Run(async () =>
        {
            await server.Transport.Input.ReadAsync();
            isBlocked.Set();
            release.Wait(TimeSpan.FromSeconds(60));
        });
        await peer.SendAsync(new byte[1]);
        await Task.Run(isBlocked.Wait).InTime();

        await factory.DisposeAsync().InTime("the end of a transport whose loop is blocked");

        // The loop ends when it can, and closes what it has.
        release.Set();
        await blocking.InTime();
        await server.DisposeAsync().InTime();
    }
}
