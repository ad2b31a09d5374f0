using System.Buffers;
using System.IO.Pipelines;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Where a system call stands, anything may throw. It ends what waits, and its connection, and nothing else.</summary>
[Collection(nameof(Alone))]
public sealed class ThrowingCallTests : IDisposable
{
    public void Dispose() => Throwing.Set(-1, null);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_receive_that_throws_while_a_read_waits_ends_the_read_with_the_error_and_no_other_connection(bool inline)
    {
        await using Listening listening = await ListenAsync(inline);
        await using Pair bad = await listening.PairAsync();
        await using Pair good = await listening.PairAsync();
        Task<ReadResult> reading = bad.Input.ReadAsync().AsTask();
        Throwing.Set(HandleOf(bad), FaultyCall.Receive);

        await bad.Peer.SendAsync(new byte[1]);

        var error = await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading.InTime());
        Assert.IsType<OutOfMemoryException>(error.InnerException);
        await Record.ExceptionAsync(() => bad.Peer.ReceiveToEndAsync().InTime("the end of the connection"));
        await EchoAsync(good);
        await bad.Server.DisposeAsync().InTime();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_receive_that_throws_within_a_read_that_need_not_wait_ends_the_connection(bool inline)
    {
        await using Listening listening = await ListenAsync(inline);
        await using Pair bad = await listening.PairAsync();
        Throwing.Set(HandleOf(bad), FaultyCall.Receive);
        await bad.Peer.SendAsync(new byte[1]);

        await Assert.ThrowsAsync<ConnectionAbortedException>(() => bad.Input.ReadAsync().InTime());

        await Assert.ThrowsAsync<ConnectionAbortedException>(() => bad.Input.ReadAsync().InTime());
        await Record.ExceptionAsync(() => bad.Peer.ReceiveToEndAsync().InTime("the end of the connection"));
        await bad.Server.DisposeAsync().InTime();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_send_that_throws_when_there_is_room_again_ends_the_flush_that_waits(bool inline)
    {
        await using Listening listening = await ListenAsync(inline);
        await using Pair bad = await listening.PairAsync();
        await using Pair good = await listening.PairAsync();
        bad.Output.Write(new byte[16 * 1024 * 1024]);
        Task<FlushResult> flushing = bad.Output.FlushAsync().AsTask();
        Assert.False(flushing.IsCompleted);
        Throwing.Set(HandleOf(bad), FaultyCall.Send);

        Task<Exception?> receiving = Record.ExceptionAsync(() => bad.Peer.ReceiveToEndAsync()).AsTask();

        Assert.True((await flushing.InTime()).IsCompleted);
        await Assert.ThrowsAsync<ConnectionAbortedException>(() => bad.Input.ReadAsync().InTime());
        await receiving.InTime();
        await EchoAsync(good);
        await bad.Server.DisposeAsync().InTime();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_send_that_throws_within_a_flush_ends_the_connection(bool inline)
    {
        await using Listening listening = await ListenAsync(inline);
        await using Pair bad = await listening.PairAsync();
        Throwing.Set(HandleOf(bad), FaultyCall.Send);

        Assert.True((await bad.Output.WriteAsync(new byte[1]).InTime()).IsCompleted);

        await Assert.ThrowsAsync<ConnectionAbortedException>(() => bad.Input.ReadAsync().InTime());
        await bad.Server.DisposeAsync().InTime();
    }

    private static async Task<Listening> ListenAsync(bool inline)
    {
        var transport = new EpollUnderTest<FaultySystemCalls<Throwing>>(inline);
        EpollTransport<FaultySystemCalls<Throwing>> factory = transport.Create(new TransportSettings { MaxWriteBufferSize = 0 }, options => options.LoopCount = 1);
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        return new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
    }

    private static int HandleOf(Pair pair) => (int)pair.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket.Handle;

    private static async Task EchoAsync(Pair pair)
    {
        await pair.Peer.SendAsync("ping"u8.ToArray());
        await pair.Output.WriteAsync(await pair.Input.ReadExactlyAsync(4).InTime()).InTime();
        Assert.Equal("ping"u8.ToArray(), await pair.Peer.ReceiveExactlyAsync(4).InTime());
    }

    /// <summary>One kind of call throws on one socket.</summary>
    internal readonly struct Throwing : IFaultPlan
    {
        private static (int Socket, FaultyCall? Call) _bad = (-1, null);

        public static void Set(int socket, FaultyCall? call) => _bad = (socket, call);

#pragma warning disable CA2201 // The runtime's own exception is what is tested.
        public static Exception? OnCall(FaultyCall call, int socket) => _bad == (socket, call) ? new OutOfMemoryException("as a test has it") : null;
#pragma warning restore CA2201

        public static Errno OnReceive(int socket) => FaultySystemCalls.None;

        public static Errno OnSend(int socket) => FaultySystemCalls.None;

        public static Errno OnAccept() => FaultySystemCalls.None;

        public static Errno OnWait() => FaultySystemCalls.None;

        public static nint Shorten(nint length) => length;
    }
}
