using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Connections of a group that end, throw or race while others of it are served.</summary>
[Collection(nameof(Alone))]
public class GroupRaceTests
{
    // A tick of the clock within the first handler makes a round prove nothing.
    private const int Rounds = 8;

    public GroupRaceTests()
    {
        RecordingSystemCalls.Calls.Clear();
        RecordingSystemCalls.SendsFallShort = false;
        RecordingSystemCalls.Throwing = -1;
    }

    [Fact]
    public async Task What_goes_on_within_a_disposal_and_disposes_too_closes_the_descriptor_once()
    {
        for (int round = 0; round < Rounds; round++)
        {
            using var isWaiting = new ManualResetEventSlim();
            ConnectionContext? first = null;
            Task disposing = Task.CompletedTask;
            Socket? spare = null;
            await using HeldGroup held = await HeldGroup.HoldAsync(
                async server =>
                {
                    first = server;
                    await server.Transport.Output.WriteAsync("one "u8.ToArray());
                    await Task.Run(() =>
                    {
                        Task rest = RestAsync(server);
                        isWaiting.Set();
                        return rest;
                    });
                },
                async server =>
                {
                    Assert.True(isWaiting.Wait(TimeSpan.FromSeconds(20)));
                    disposing = first!.DisposeAsync().AsTask();
                    await server.Transport.Output.WriteAsync("second\n"u8.ToArray());
                },
                HeldGroup.Reply("third\n"));
            int number = held.Sockets[0];
            Assert.Equal(["one two\n", "second\n", "third\n"], await held.ReleaseAsync());
            await disposing.InTime();
            if (spare is not null && (int)spare.Handle == number)
            {
                Exception? harm = Record.Exception(() => spare.Bind(new IPEndPoint(IPAddress.Loopback, 0)));
                if (harm is not null)
                {
                    spare.SafeHandle.SetHandleAsInvalid();
                }

                Assert.True(harm is null, $"round {round}: the descriptor {number}, another's by now, was closed: {harm?.Message}");
            }

            spare?.Dispose();
            Assert.Equal(3, held.Loop.ConnectionCount); // the second, the third, the one that held

            async Task RestAsync(ConnectionContext server)
            {
                await server.Transport.Output.WriteAsync("two\n"u8.ToArray());
                _ = server.DisposeAsync().AsTask();
                spare = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            }
        }
    }

    [Fact]
    public async Task An_exception_out_of_what_waits_for_a_flush_ends_its_connection_and_no_other()
    {
        for (int round = 0; round < Rounds; round++)
        {
            using var isWaiting = new ManualResetEventSlim();
            await using HeldGroup held = await HeldGroup.HoldAsync(
                ThrowBehindFlush(isWaiting),
                async server =>
                {
                    Assert.True(isWaiting.Wait(TimeSpan.FromSeconds(20)));
                    long tick = Environment.TickCount64;
                    SpinWait.SpinUntil(() => Environment.TickCount64 != tick);
                    await server.Transport.Output.WriteAsync("innocent\n"u8.ToArray());
                },
                HeldGroup.Reply("third\n"));
            Assert.Equal(["innocent\n", "third\n"], await held.ReleaseAsync(from: 1));
        }
    }

    [Fact]
    public async Task A_disposal_is_not_what_a_continuation_of_the_disposed_throws_at()
    {
        for (int round = 0; round < Rounds; round++)
        {
            using var isWaiting = new ManualResetEventSlim();
            ConnectionContext? first = null;
            Task disposing = Task.CompletedTask;
            Func<ConnectionContext, Task> throwing = ThrowBehindFlush(isWaiting);
            await using HeldGroup held = await HeldGroup.HoldAsync(
                server =>
                {
                    first = server;
                    return throwing(server);
                },
                async server =>
                {
                    Assert.True(isWaiting.Wait(TimeSpan.FromSeconds(20)));
                    disposing = first!.DisposeAsync().AsTask();
                    await server.Transport.Output.WriteAsync("second\n"u8.ToArray());
                },
                HeldGroup.Reply("third\n"));
            Assert.Equal(["second\n", "third\n"], await held.ReleaseAsync(from: 1));
            await disposing.InTime();
        }
    }

    [Fact]
    public async Task An_exception_out_of_what_waits_for_a_flush_ends_its_connection_and_not_the_process()
    {
        for (int round = 0; round < Rounds; round++)
        {
            using var isWaiting = new ManualResetEventSlim();
            await using HeldGroup held = await HeldGroup.HoldAsync(
                ThrowBehindFlush(isWaiting),
                server =>
                {
                    Assert.True(isWaiting.Wait(TimeSpan.FromSeconds(20)));
                    return Task.CompletedTask;
                },
                HeldGroup.Reply("third\n"));
            await held.ReleaseAsync(from: 2);
        }
    }

    [Fact]
    public async Task An_end_with_unflushed_bytes_on_the_loop_comes_behind_them()
    {
        await using HeldGroup held = await HeldGroup.HoldAsync(
            server =>
            {
                server.Transport.Output.Write("the last\n"u8);
                server.Transport.Output.Complete();
                return Task.CompletedTask;
            },
            async server =>
            {
                server.Transport.Output.Write("disposed\n"u8);
                await server.DisposeAsync();
            },
            HeldGroup.Reply("third\n"));
        Assert.Equal(["the last\n", "disposed\n", "third\n"], await held.ReleaseAsync());
        Assert.Equal(0, await held.Peers[0].ReceiveAsync(new byte[1]).InTime());
        Assert.Equal(0, await held.Peers[1].ReceiveAsync(new byte[1]).InTime());
    }

    [Fact]
    public async Task Nothing_is_sent_to_a_descriptor_that_was_closed_before_its_group_had_ended()
    {
        for (int round = 0; round < Rounds; round++)
        {
            using var hasEnded = new ManualResetEventSlim();
            ConnectionContext? first = null;
            int callsBefore = 0;
            bool isClosed = false;
            Task disposing = Task.CompletedTask;
            await using HeldGroup held = await HeldGroup.HoldAsync(
                async server =>
                {
                    first = server;
                    await server.Transport.Output.WriteAsync("!"u8.ToArray());
                    await Task.Run(() =>
                    {
                        server.Transport.Output.Complete(); // so the disposal does not send it
                        hasEnded.Set();
                    });
                },
                async server =>
                {
                    Assert.True(hasEnded.Wait(TimeSpan.FromSeconds(20)));
                    first!.Abort();
                    disposing = first.DisposeAsync().AsTask();
                    isClosed = first.Features.Get<IConnectionSocketFeature>() is { } feature && Record.Exception(() => feature.Socket) is ObjectDisposedException;
                    callsBefore = RecordingSystemCalls.Calls.Count;
                    await server.Transport.Output.WriteAsync("second\n"u8.ToArray());
                },
                HeldGroup.Reply("third\n"));
            Assert.Equal(["second\n", "third\n"], await held.ReleaseAsync(from: 1));
            await disposing.InTime();
            Assert.True(isClosed);
            Assert.DoesNotContain((true, held.Sockets[0]), RecordingSystemCalls.Calls.Skip(callsBefore));
        }
    }

    // Between its two looks, whether bytes are queued and whether bytes are deferred, the loop may have turned the second into the first.
    [Fact]
    public async Task A_flush_beside_a_deferred_send_that_falls_short_comes_behind_all_of_it()
    {
        var transport = new EpollUnderTest<RacingSystemCalls>(inline: true);
        EpollTransport<RacingSystemCalls> factory = transport.Create(new TransportSettings { MaxWriteBufferSize = 64 * 1024 }, options => options.LoopCount = 1);
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
        EventLoop loop = factory.Loops.All[0];
        using var isHeld = new SemaphoreSlim(0);
        int released = 0;
        int handed = 0;
        bool isOver = false;
        PipeWriter? output = null;
        await using Pair first = await OnLoopAsync(listening, loop, server =>
        {
            server.Transport.Output.Write("ab"u8);
            _ = server.Transport.Output.FlushAsync();
            output = server.Transport.Output;
            Volatile.Write(ref handed, 1);
        });
        await using Pair second = await OnLoopAsync(listening, loop, _ => { });
        await using Pair holding = await OnLoopAsync(listening, loop, _ =>
        {
            isHeld.Release();
            while (Interlocked.Exchange(ref released, 0) == 0)
            {
                Thread.SpinWait(1);
            }
        });
        var racer = new Thread(() =>
        {
            int seed = 1;
            int sink = 0;
            while (!Volatile.Read(ref isOver))
            {
                if (Volatile.Read(ref handed) == 0)
                {
                    continue;
                }

                output!.Write("cd"u8);
                seed = (seed * 1103515245) + 12345;
                int jitter = (int)((uint)seed >> 16) % 1200;
                while (Volatile.Read(ref RacingSystemCalls.IsShort) == 0 && !Volatile.Read(ref isOver))
                {
                    // soon
                }

                for (int i = 0; i < jitter; i++)
                {
                    Volatile.Write(ref sink, i);
                }

                _ = output!.FlushAsync();
                Volatile.Write(ref RacingSystemCalls.IsShort, 0);
                Volatile.Write(ref handed, 0);
            }
        });
        racer.Start();
        RacingSystemCalls.Loop = loop;
        Socket[] servers = [.. new[] { first, second }.Select(pair => pair.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket)];
        byte[] x = "x"u8.ToArray();
        string wrong = "";
        int rounds = 0;
        for (; wrong.Length == 0 && rounds < 4 * Scale.Rounds; rounds++)
        {
            await holding.Peer.SendAsync(x);
            await isHeld.WaitAsync();
            await first.Peer.SendAsync(x);
            await second.Peer.SendAsync(x);
            SpinWait.SpinUntil(() => servers.All(server => server.Poll(0, SelectMode.SelectRead)));
            Volatile.Write(ref released, 1);
            string text = Encoding.ASCII.GetString(await first.Peer.ReceiveExactlyAsync(4).InTime());
            wrong = text == "abcd" ? "" : text;
            while (Volatile.Read(ref handed) != 0)
            {
                await Task.Yield();
            }
        }

        RacingSystemCalls.Loop = null;
        Volatile.Write(ref isOver, true);
        racer.Join();
        Assert.True(wrong.Length == 0, $"round {rounds}: '{wrong}' for 'abcd'");
    }

    private static async Task<Pair> OnLoopAsync(Listening listening, EventLoop loop, Action<ConnectionContext> onByte)
    {
        (Pair pair, _) = await PairOnLoop.ConnectAsync(listening, loop, async server =>
        {
            while (await PairOnLoop.ReadAsync(server))
            {
                onByte(server);
            }
        });
        return pair;
    }

    // Straight, as only what is no async method can: SchedulingTests has the same for a read.
    private static Func<ConnectionContext, Task> ThrowBehindFlush(ManualResetEventSlim isWaiting) => async server =>
    {
        await server.Transport.Output.WriteAsync("one "u8.ToArray());
        await Task.Run(() =>
        {
            ValueTaskAwaiter<FlushResult> flush = server.Transport.Output.WriteAsync("two\n"u8.ToArray()).GetAwaiter();
            if (!flush.IsCompleted)
            {
                flush.UnsafeOnCompleted(() => throw new InvalidOperationException("straight onto the loop"));
            }

            isWaiting.Set();
        });
    };
}
