using System.IO.Pipelines;
using System.Net;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Transports;

/// <summary>
/// Ours, with other connections on the same loops whose system calls throw, one after the other, for as long as a test
/// runs. The test must not notice.
/// </summary>
internal sealed class ThrowingTransport(bool inline) : Transport
{
    private readonly EpollUnderTest<FaultySystemCalls<OfVictims>> _transport = new(inline);

    public override IConnectionListenerFactory CreateFactory(TransportSettings settings) => _transport.CreateFactory(settings);

    public override async ValueTask<Listening> ListenAsync(TransportSettings? settings = null)
    {
        IConnectionListenerFactory factory = CreateFactory(settings ?? new TransportSettings());
        IConnectionListener listener = await factory.BindAsync(NewEndPoint());
        var victims = new Victims(factory, await factory.BindAsync(NewEndPoint()));
        return new Listening(listener, victims, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
    }

    /// <summary>The calls of marked sockets throw.</summary>
    internal readonly struct OfVictims : IFaultPlan
    {
        private static readonly int[] Marks = new int[64 * 1024]; // by descriptor: the call that throws, and 1

        public static void Mark(int socket, FaultyCall call) => Volatile.Write(ref Marks[socket], (int)call + 1);

        public static void Unmark(int socket) => Volatile.Write(ref Marks[socket], 0);

        public static Exception? OnCall(FaultyCall call, int socket) =>
            Volatile.Read(ref Marks[socket]) == (int)call + 1 ? new InvalidOperationException("a system call that throws") : null;

        public static Errno OnReceive(int socket) => FaultySystemCalls.None;

        public static Errno OnSend(int socket) => FaultySystemCalls.None;

        public static Errno OnAccept() => FaultySystemCalls.None;

        public static Errno OnWait() => FaultySystemCalls.None;

        public static nint Shorten(nint length) => length;
    }

    private sealed class Victims : IAsyncDisposable
    {
        private readonly IConnectionListenerFactory _factory;
        private readonly IConnectionListener _listener;
        private readonly Task _running;
        private volatile bool _isEnding;

        public Victims(IConnectionListenerFactory factory, IConnectionListener listener)
        {
            (_factory, _listener) = (factory, listener);
            _running = Task.Run(RunAsync);
        }

        public async ValueTask DisposeAsync()
        {
            _isEnding = true;
            await _running.InTime("each victim ends");
            await _listener.DisposeAsync().InTime();
            await ((IAsyncDisposable)_factory).DisposeAsync().InTime();
        }

        private async Task RunAsync()
        {
            // At least one of each kind.
            for (int round = 0; round < 2 || !_isEnding; round++)
            {
                await SufferAsync(_listener.EndPoint, round % 2 == 0 ? FaultyCall.Receive : FaultyCall.Send);
            }
        }

        private async Task SufferAsync(EndPoint endPoint, FaultyCall call)
        {
            using Peer peer = await SocketPeer.ConnectAsync(endPoint);
            ConnectionContext victim = (await _listener.AcceptAsync().InTime())!;
            int socket = (int)victim.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket.Handle;
            OfVictims.Mark(socket, call);
            Task<ReadResult> reading = victim.Transport.Input.ReadAsync().AsTask();
            if (call == FaultyCall.Receive)
            {
                await peer.SendAsync(new byte[1]);
            }
            else
            {
                // The read tells of the failure. The flush does only where it sends: where the read before this one ended
                // inline, this runs on the loop, which may defer the send.
                _ = await victim.Transport.Output.WriteAsync(new byte[1]).InTime();
            }

            await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading.InTime());
            OfVictims.Unmark(socket); // its number is another's soon
            await victim.DisposeAsync().InTime();
        }
    }
}
