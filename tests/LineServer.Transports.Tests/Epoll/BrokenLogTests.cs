using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using LineServer.Transports.Epoll;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>A log that throws, or that never returns, changes nothing: what reports a failure cannot fail, and nothing waits for it.</summary>
public class BrokenLogTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_continuation_that_throws_on_the_loop_ends_its_connection_alone_whatever_the_log_does(bool logHangs)
    {
        using var release = new ManualResetEventSlim();
        TestLog log = Broken(logHangs, release);
        await using Listening listening = await ListenAsync<LinuxSystemCalls>(log, inline: true);
        await using (Pair bad = await listening.PairAsync())
        {
            ValueTaskAwaiter<ReadResult> waiting = bad.Input.ReadAsync().GetAwaiter();
            waiting.UnsafeOnCompleted(() => throw new InvalidOperationException("straight onto the loop"));
            await bad.Peer.SendAsync(new byte[1]);
            await Record.ExceptionAsync(() => bad.Peer.ReceiveToEndAsync().InTime("the end of the bad connection"));
        }

        await EchoAsync(listening);
        await Bounded.UntilTrue(() => !log.Messages.IsEmpty, "the log was told");
        release.Set();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_callback_of_ConnectionClosed_that_throws_harms_nobody_whatever_the_log_does(bool logHangs)
    {
        using var release = new ManualResetEventSlim();
        TestLog log = Broken(logHangs, release);
        await using Listening listening = await ListenAsync<LinuxSystemCalls>(log, inline: false);
        await using (Pair bad = await listening.PairAsync())
        {
            bad.Server.ConnectionClosed.Register(() => throw new InvalidOperationException("at the end of a connection"));
            bad.Peer.HalfClose();
            await Bounded.UntilTrue(() => !log.Messages.IsEmpty, "the log was told");
        }

        await EchoAsync(listening);
        release.Set();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Accepting_that_backs_off_goes_on_whatever_the_log_does(bool logHangs)
    {
        using var release = new ManualResetEventSlim();
        TestLog log = Broken(logHangs, release);
        await using Listening listening = await ListenAsync<FaultySystemCalls<OneWithoutDescriptor>>(log, inline: false);
        Task<Peer> connecting = listening.ConnectAsync();

        ConnectionContext? accepted = await listening.Listener.AcceptAsync().InTime("a connection, after the back-off");

        await accepted!.DisposeAsync().InTime();
        (await connecting.InTime()).Dispose();
        await Bounded.UntilTrue(() => !log.Messages.IsEmpty, "the log was told");
        release.Set();
    }

    private static TestLog Broken(bool hangs, ManualResetEventSlim release) =>
        new(() =>
        {
            if (!hangs)
            {
                throw new InvalidOperationException("a log that throws");
            }

            release.Wait(TimeSpan.FromSeconds(60));
        });

    private static async Task<Listening> ListenAsync<TCalls>(TestLog log, bool inline)
        where TCalls : struct, ISystemCalls
    {
        var options = new EpollTransportOptions { LoopCount = 1, UnsafePreferInlineScheduling = inline, HeldLoopThreshold = null };
        var factory = new EpollTransport<TCalls>(options, log, TimeProvider.System);
        IConnectionListener listener = await factory.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        return new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
    }

    private static async Task EchoAsync(Listening listening)
    {
        await using var server = new EchoServer(listening);
        using Peer peer = await listening.ConnectAsync();
        await peer.SendAsync("ping"u8.ToArray());
        Assert.Equal("ping"u8.ToArray(), await peer.ReceiveExactlyAsync(4).InTime());
    }

    /// <summary>The first accept of each test fails with EMFILE.</summary>
    internal readonly struct OneWithoutDescriptor : IFaultPlan
    {
        private static int _accepts;

        public static Errno OnReceive(int socket) => FaultySystemCalls.None;

        public static Errno OnSend(int socket) => FaultySystemCalls.None;

        public static Errno OnAccept() => Interlocked.Increment(ref _accepts) % 2 == 1 ? Errno.EMFILE : FaultySystemCalls.None;

        public static Errno OnWait() => FaultySystemCalls.None;

        public static nint Shorten(nint length) => length;
    }
}
