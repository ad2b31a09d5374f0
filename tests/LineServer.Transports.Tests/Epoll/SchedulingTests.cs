using System.IO.Pipelines;
using LineServer.Transports.Epoll;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Where what waits goes on.</summary>
public class SchedulingTests
{
    private static bool IsOnLoop => Thread.CurrentThread.Name?.StartsWith("epoll-", StringComparison.Ordinal) == true;

    [Fact]
    public async Task On_the_thread_pool_nothing_of_the_application_runs_on_a_loop()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        int onLoop = 0;
        await RunAsync(transport, _ => { }, () => Interlocked.Add(ref onLoop, IsOnLoop ? 1 : 0));
        Assert.Equal(0, onLoop);
    }

    [Fact]
    public async Task Inline_every_wait_for_a_read_goes_on_on_the_loop_of_its_connection()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        int elsewhere = 0;
        await RunAsync(transport, _ => { }, () => Interlocked.Add(ref elsewhere, IsOnLoop ? 0 : 1));
        Assert.Equal(0, elsewhere);
    }

    [Fact]
    public async Task A_connection_can_ask_for_inline_alone()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        int elsewhere = 0;
        await RunAsync(transport, connection => connection.Features.Get<LineServer.Connections.IEventLoopFeature>()!.RunsInline = true, () => Interlocked.Add(ref elsewhere, IsOnLoop ? 0 : 1));
        Assert.Equal(0, elsewhere);
    }

    [Fact]
    public async Task An_exception_straight_out_of_a_continuation_ends_its_connection_and_not_the_loop()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings(), options => options.LoopCount = 1);
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
        for (int i = 0; i < 10; i++)
        {
            await using Pair pair = await listening.PairAsync();
            System.Runtime.CompilerServices.ValueTaskAwaiter<ReadResult> waiting = pair.Input.ReadAsync().GetAwaiter();
            Assert.False(waiting.IsCompleted);
            waiting.UnsafeOnCompleted(() => throw new InvalidOperationException("straight onto the loop"));
            await pair.Peer.SendAsync(new byte[1]);
            await Record.ExceptionAsync(() => pair.Peer.ReceiveToEndAsync().InTime("the end of the bad connection"));
        }

        await using var server = new EchoServer(listening);
        using Peer peer = await listening.ConnectAsync();
        await peer.SendAsync("ping"u8.ToArray());
        Assert.Equal("ping"u8.ToArray(), await peer.ReceiveExactlyAsync(4).InTime());
    }

    [Fact]
    public async Task A_handler_that_is_always_ready_does_not_dive_the_stack()
    {
        // Every read completes at once while the peer sends: an inline completion within a completion would end in a stack overflow.
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        await using Listening listening = await transport.ListenAsync(new TransportSettings { MaxReadBufferSize = 1 });
        await using Pair pair = await listening.PairAsync();
        Task sending = pair.Peer.SendAsync(1, 200_000);
        Assert.Equal(200_000, await Payload.CheckAsync(pair.Input, 1, 200_000).InTime());
        await sending.InTime();
    }

    [Fact]
    public async Task One_connection_that_floods_does_not_starve_another_of_its_loop()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings(), options => options.LoopCount = 1);
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
        await using var server = new EchoServer(listening, async connection =>
        {
            while (true)
            {
                ReadResult read = await connection.Transport.Input.ReadAsync();
                if (read.Buffer.Length is > 0 and <= 4)
                {
                    await connection.Transport.Output.WriteAsync("pong"u8.ToArray());
                }

                connection.Transport.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    return;
                }
            }
        });
        using Peer flood = await listening.ConnectAsync();
        using var done = new CancellationTokenSource();
        Task flooding = Task.Run(async () =>
        {
            byte[] much = new byte[1024 * 1024];
            while (!done.IsCancellationRequested)
            {
                await flood.SendAsync(much);
            }
        });
        using Peer quiet = await listening.ConnectAsync();
        for (int i = 0; i < 100; i++)
        {
            await quiet.SendAsync("ping"u8.ToArray());
            Assert.Equal("pong"u8.ToArray(), await quiet.ReceiveExactlyAsync(4).InTime($"reply {i} beside the flood"));
        }

        await done.CancelAsync();
        await flooding.InTime();
    }

    // Reads that wait, over and over, with cancellations from elsewhere.
    private static async Task RunAsync(EpollUnderTest<LinuxSystemCalls> transport, Action<ConnectionContext> configure, Action resumed)
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        configure(pair.Server);
        Task handling = Task.Run(async () =>
        {
            while (true)
            {
                ValueTask<ReadResult> reading = pair.Input.ReadAsync();
                bool waits = !reading.IsCompleted;
                ReadResult read = await reading;
                if (waits)
                {
                    resumed();
                }

                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                {
                    pair.Output.GetSpan(segment.Length);
                    segment.Span.CopyTo(pair.Output.GetSpan(segment.Length));
                    pair.Output.Advance(segment.Length);
                }

                pair.Input.AdvanceTo(read.Buffer.End);
                await pair.Output.FlushAsync();
                if (read.IsCompleted)
                {
                    return;
                }
            }
        });
        for (int i = 0; i < 3000; i++)
        {
            await pair.Peer.SendAsync(new[] { (byte)i });
            if (i % 3 == 0)
            {
                pair.Input.CancelPendingRead();
            }

            Assert.Equal([(byte)i], await pair.Peer.ReceiveExactlyAsync(1).InTime());
        }

        pair.Peer.HalfClose();
        await handling.InTime();
    }
}
