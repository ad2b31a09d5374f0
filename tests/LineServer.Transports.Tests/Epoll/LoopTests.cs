using System.Net;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.Win32.SafeHandles;

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

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public Task Loops_that_lack_descriptors_leave_nothing_and_start_later(int loops) =>
        ClientProcess.RunAsync("starve", new IPEndPoint(IPAddress.Loopback, 0), IPAddress.Loopback, loops, 0);

    [Fact]
    public async Task Whoever_is_within_a_call_longer_than_its_loop_lasts_closes_the_connection_on_leaving()
    {
        var transport = new EpollUnderTest<FaultySystemCalls<SlowSend>>(inline: false);
        EpollTransport<FaultySystemCalls<SlowSend>> factory = transport.Create(new TransportSettings());
        await using IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        using Peer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        var server = (SocketConnection<FaultySystemCalls<SlowSend>>)(await listener.AcceptAsync().InTime())!;
        string name = Descriptors.Name(server.Descriptor);
        Task flushing = Task.Run(async () => await ((ConnectionContext)server).Transport.Output.WriteAsync(new byte[1]));
        await SlowSend.Begun.Task.InTime();
        await factory.DisposeAsync().InTime();
        Assert.True(Descriptors.Has(name));
        SlowSend.MayEnd.Set();
        await flushing.InTime();
        await Bounded.UntilTrue(() => !Descriptors.Has(name), "the descriptor is closed");
        await server.DisposeAsync().InTime();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Connections_that_are_accepted_and_used_and_left_while_their_loop_ends_close_no_descriptor_twice(bool inline)
    {
        var others = new List<SafeFileHandle>();
        for (int round = 0; round < 30; round++)
        {
            var transport = new EpollUnderTest<LinuxSystemCalls>(inline);
            EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings());
            await using IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
            var peers = new List<Peer>();
            for (int i = 0; i < 20; i++)
            {
                peers.Add(await SocketPeer.ConnectAsync(listener.EndPoint));
            }

            var used = new List<Task>();
            int left = 1 + (round % 20);
            Task disposing = Task.CompletedTask;
            while (await listener.AcceptAsync().InTime() is { } server)
            {
                used.Add(Task.Run(() => Record.ExceptionAsync(() => server.Transport.Input.ReadToEndAsync())));
                used.Add(Task.Run(() => Payload.WriteAsync(server.Transport.Output, 1, long.MaxValue, 4096)));
                used.Add(Task.Run(async () => await server.DisposeAsync()));
                if (--left == 0)
                {
                    disposing = factory.DisposeAsync().AsTask();
                }

                // Takes a number that has just become free: whoever closes twice closes this.
                others.Add(File.OpenHandle("/dev/null"));
            }

            await disposing.InTime();
            foreach (Task task in used)
            {
                await Record.ExceptionAsync(() => task.InTime("what used a connection"));
                Assert.True(task.IsCompleted);
            }

            peers.ForEach(peer => peer.Dispose());
        }

        foreach (SafeFileHandle other in others)
        {
            Assert.Equal("/dev/null", Descriptors.Name((int)other.DangerousGetHandle()));
            other.Dispose();
        }
    }

    private static async Task<Listening> ListenAsync(Transport transport, EpollTransport<LinuxSystemCalls> factory)
    {
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        return new Listening(listener, null, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
    }

    internal readonly struct SlowSend : IFaultPlan
    {
        public static TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public static ManualResetEventSlim MayEnd { get; } = new();

        public static Errno OnReceive(int socket) => FaultySystemCalls.None;

        public static Errno OnSend(int socket)
        {
            Begun.TrySetResult();
            MayEnd.Wait();
            return FaultySystemCalls.None;
        }

        public static Errno OnAccept() => FaultySystemCalls.None;

        public static Errno OnWait() => FaultySystemCalls.None;

        public static nint Shorten(nint length) => length;
    }
}
