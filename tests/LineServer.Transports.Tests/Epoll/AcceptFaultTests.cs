using System.Net;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Accept fails: it backs off without using CPU, and goes on by itself.</summary>
public class AcceptFaultTests
{
    [Fact]
    public async Task Without_descriptors_accept_backs_off_by_the_clock_and_goes_on()
    {
        var transport = new EpollUnderTest<FaultySystemCalls<NoDescriptors>>(inline: false);
        var time = new ManualTime();
        EpollTransport<FaultySystemCalls<NoDescriptors>> factory = transport.Create(new TransportSettings(), options => options.HeldLoopThreshold = null, time);
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
        await using (Pair before = await listening.PairAsync())
        {
            Assert.NotNull(before.Server);
        }

        NoDescriptors.IsOut = true;
        int calls = NoDescriptors.Calls;
        using Peer waiting = await listening.ConnectAsync();
        Task<ConnectionContext?> accepting = listener.AcceptAsync().AsTask();
        await Bounded.UntilTrue(() => time.ActiveTimers == 1, "accept backs off");
        // Each time the clock lets it, one call; never one more, however many clients come.
        for (int i = 1; i <= 10; i++)
        {
            Assert.Equal(calls + i, NoDescriptors.Calls);
            using Peer another = await listening.ConnectAsync();
            Assert.Equal(1, time.ActiveTimers);
            Assert.InRange(time.NextDue, TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(1));
            int next = calls + i + 1;
            time.AdvanceToNext();
            await Bounded.UntilTrue(() => NoDescriptors.Calls == next && time.ActiveTimers == 1, "one more accept, and back-off again");
        }

        Assert.Equal(TimeSpan.FromSeconds(1), time.NextDue);
        NoDescriptors.IsOut = false;
        time.AdvanceToNext();
        ConnectionContext? accepted = await accepting.InTime();
        Assert.NotNull(accepted);
        await accepted.DisposeAsync().InTime();
    }

    /// <summary>accept4 fails with EMFILE while it is told to.</summary>
    internal readonly struct NoDescriptors : IFaultPlan
    {
        private static int _calls;
        private static volatile bool _isOut;

        public static int Calls => Volatile.Read(ref _calls);

        public static bool IsOut
        {
            get => _isOut;
            set => _isOut = value;
        }

        public static Errno OnReceive(int socket) => FaultySystemCalls.None;

        public static Errno OnSend(int socket) => FaultySystemCalls.None;

        public static Errno OnAccept()
        {
            Interlocked.Increment(ref _calls);
            return _isOut ? Errno.EMFILE : FaultySystemCalls.None;
        }

        public static Errno OnWait() => FaultySystemCalls.None;

        public static nint Shorten(nint length) => length;
    }
}
