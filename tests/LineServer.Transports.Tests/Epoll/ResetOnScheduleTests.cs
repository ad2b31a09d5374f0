using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>The n-th system call says that the connection was reset: whatever n is, every wait ends, and nothing is left.</summary>
[Collection(nameof(Alone))]
public class ResetOnScheduleTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_at_any_system_call_ends_everything_that_waits(bool inline)
    {
        var transport = new EpollUnderTest<FaultySystemCalls<Plan>>(inline);
        await using Listening listening = await transport.ListenAsync(new TransportSettings { KernelBuffer = 8192, MaxWriteBufferSize = 4096 });
        await using (await listening.PairAsync())
        {
        }

        int before = Descriptors.Sockets();
        for (int at = 1; at <= 60; at++)
        {
            foreach (Errno error in new[] { Errno.ECONNRESET, Errno.EPIPE, Errno.ETIMEDOUT, Errno.EHOSTUNREACH })
            {
                await using var server = new EchoServer(new Listening(new Unowned(listening.Listener), null, _ => throw new NotSupportedException()));
                Plan.Error = error;
                Plan.CallsLeft = at;
                using (Peer peer = await listening.ConnectAsync())
                {
                    Task sending = Task.Run(() => Record.ExceptionAsync(() => peer.SendAsync(1, 200_000, 3000)));
                    await Record.ExceptionAsync(() => peer.CheckAsync(1, 200_000).InTime($"the end, {error} at call {at}"));
                    peer.Dispose();
                    await sending.InTime($"the client's sending, {error} at call {at}");
                }

                Plan.CallsLeft = int.MaxValue;
                await Bounded.UntilTrue(() => server is { Accepted: 1, Running: 0 }, $"the handler ends, {error} at call {at}");
                Assert.Empty(server.Errors);
            }
        }

        await Bounded.UntilTrue(() => Descriptors.Sockets() <= before, "no socket is left");
    }

    // A listener for many accept loops, one after the other: each ends by cancellation.
    private sealed class Unowned(Microsoft.AspNetCore.Connections.IConnectionListener inner) : Microsoft.AspNetCore.Connections.IConnectionListener
    {
        private readonly CancellationTokenSource _unbound = new();

        public System.Net.EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<Microsoft.AspNetCore.Connections.ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            try
            {
                return await inner.AcceptAsync(_unbound.Token);
            }
            catch (OperationCanceledException)
            {
                return null;
            }
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default) => await _unbound.CancelAsync();

        public ValueTask DisposeAsync()
        {
            _unbound.Dispose();
            return default;
        }
    }

    internal readonly struct Plan : IFaultPlan
    {
        private static int _callsLeft = int.MaxValue;

        public static Errno Error { get; set; }

        public static int CallsLeft
        {
            get => Volatile.Read(ref _callsLeft);
            set => Volatile.Write(ref _callsLeft, value);
        }

        public static Errno OnReceive(int socket) => Next();

        public static Errno OnSend(int socket) => Next();

        public static Errno OnAccept() => FaultySystemCalls.None;

        public static Errno OnWait() => FaultySystemCalls.None;

        public static nint Shorten(nint length) => length;

        // From then on every call fails: a connection that is gone stays so.
        private static Errno Next() => Interlocked.Decrement(ref _callsLeft) <= 0 ? Error : FaultySystemCalls.None;
    }
}
