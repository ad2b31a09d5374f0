using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Connections whose edges come together are received from, handled and sent to together. What they say does not change by that.</summary>
[Collection(nameof(Alone))]
public class GroupTests
{
    private static readonly string Long = new('x', DeferredSends.MaxSize);

    public GroupTests()
    {
        RecordingSystemCalls.Calls.Clear();
        RecordingSystemCalls.SendsFallShort = false;
    }

    [Fact]
    public async Task All_of_a_group_receive_before_the_first_of_them_sends()
    {
        await using Held held = await Held.HoldAsync([.. Enumerable.Range(0, 20).Select(i => Reply($"line {i}\n"))]);
        RecordingSystemCalls.Calls.Clear();
        string[] replies = await held.ReleaseAsync();
        Assert.Equal([.. Enumerable.Range(0, 20).Select(i => $"line {i}\n")], replies);
        (bool IsSend, int Socket)[] calls = [.. RecordingSystemCalls.Calls];
        foreach (int[] group in held.Sockets.Chunk(EventLoop.GroupSize))
        {
            int[] receives = [.. group.Select(socket => Array.IndexOf(calls, (false, socket)))];
            int[] sends = [.. group.Select(socket => Array.IndexOf(calls, (true, socket)))];
            Assert.DoesNotContain(-1, receives.Concat(sends));
            Assert.True(receives.Max() < sends.Min());
            Assert.Equal(sends.Order(), sends);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_flushed_in_several_pieces_stays_in_order(bool sendsFallShort)
    {
        RecordingSystemCalls.SendsFallShort = sendsFallShort;
        await using Held held = await Held.HoldAsync(Reply("one ", "two ", "three\n"), Reply("short ", Long, "\n"), Reply(Long, Long, "end\n"), Reply("last\n"));
        Assert.Equal(["one two three\n", $"short {Long}\n", $"{Long}{Long}end\n", "last\n"], await held.ReleaseAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_another_thread_flushes_meanwhile_comes_behind_it(bool sendsFallShort)
    {
        RecordingSystemCalls.SendsFallShort = sendsFallShort;
        using var hasFlushed = new ManualResetEventSlim();
        await using Held held = await Held.HoldAsync(
            async server =>
            {
                await server.Transport.Output.WriteAsync("on the loop "u8.ToArray());
                await Task.Run(async () =>
                {
                    ValueTask<FlushResult> flush = server.Transport.Output.WriteAsync("and off it"u8.ToArray());
                    hasFlushed.Set();
                    await flush;
                    await server.Transport.Output.WriteAsync("\n"u8.ToArray());
                });
            },
            Block(hasFlushed));
        Assert.Equal(["on the loop and off it\n", "blocked\n"], await held.ReleaseAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_end_that_another_thread_sets_meanwhile_comes_behind_it(bool sendsFallShort)
    {
        RecordingSystemCalls.SendsFallShort = sendsFallShort;
        using var hasEnded = new ManualResetEventSlim();
        await using Held held = await Held.HoldAsync(
            async server =>
            {
                await server.Transport.Output.WriteAsync("the last\n"u8.ToArray());
                await Task.Run(() =>
                {
                    server.Transport.Output.Complete();
                    hasEnded.Set();
                });
            },
            Block(hasEnded));
        Assert.Equal(["the last\n", "blocked\n"], await held.ReleaseAsync());
        Assert.Equal(0, await held.Peers[0].ReceiveAsync(new byte[1]).InTime());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Disposing_another_of_the_group_sends_what_it_has_flushed_and_then_the_end(bool sendsFallShort)
    {
        RecordingSystemCalls.SendsFallShort = sendsFallShort;
        ConnectionContext? first = null;
        Task disposing = Task.CompletedTask;
        await using Held held = await Held.HoldAsync(
            async server =>
            {
                first = server;
                await server.Transport.Output.WriteAsync("goodbye\n"u8.ToArray());
            },
            async server =>
            {
                disposing = first!.DisposeAsync().AsTask();
                await server.Transport.Output.WriteAsync("second\n"u8.ToArray());
            },
            Reply("third\n"));
        Assert.Equal(["goodbye\n", "second\n", "third\n"], await held.ReleaseAsync());
        Assert.Equal(0, await held.Peers[0].ReceiveAsync(new byte[1]).InTime());
        await disposing.InTime();
    }

    [Fact]
    public async Task Aborting_another_of_the_group_harms_no_third()
    {
        ConnectionContext? first = null;
        await using Held held = await Held.HoldAsync(
            async server =>
            {
                first = server;
                await server.Transport.Output.WriteAsync("!"u8.ToArray());
            },
            async server =>
            {
                first!.Abort();
                await first.DisposeAsync();
                await server.Transport.Output.WriteAsync("second\n"u8.ToArray());
            },
            Reply("third\n"));
        Assert.Equal(["second\n", "third\n"], await held.ReleaseAsync(from: 1));
        // Sent before that, or never: handlers that take long are not waited for.
        byte[] buffer = new byte[2];
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            Assert.Equal(1, await held.Peers[0].ReceiveAsync(buffer).InTime());
            await held.Peers[0].ReceiveAsync(buffer).InTime();
        });
    }

    private static Func<ConnectionContext, Task> Reply(params string[] pieces) => async server =>
    {
        foreach (string piece in pieces)
        {
            await server.Transport.Output.WriteAsync(Encoding.ASCII.GetBytes(piece));
        }
    };

    // The loop is held until another thread has done its part; so the group has not ended by then.
    private static Func<ConnectionContext, Task> Block(ManualResetEventSlim until) => async server =>
    {
        Assert.True(until.Wait(TimeSpan.FromSeconds(20)));
        await server.Transport.Output.WriteAsync("blocked\n"u8.ToArray());
    };

    /// <summary>Connections on one loop that is held until a byte has come on each of them: their edges come in one turn, in their order.</summary>
    internal sealed class Held : IAsyncDisposable
    {
        private readonly List<Pair> _pairs = [];
        private readonly List<Task> _handling = [];
        private readonly ManualResetEventSlim _isHeld = new();
        private readonly ManualResetEventSlim _released = new();
        private Listening? _listening;

        public EventLoop Loop { get; private set; } = null!;

        public IReadOnlyList<int> Sockets { get; private set; } = [];

        public IReadOnlyList<Peer> Peers => [.. _pairs.Select(pair => pair.Peer)];

        public static async Task<Held> HoldAsync(params Func<ConnectionContext, Task>[] handlers)
        {
            var held = new Held();
            var transport = new EpollUnderTest<RecordingSystemCalls>(inline: true);
            EpollTransport<RecordingSystemCalls> factory = transport.Create(new TransportSettings { MaxWriteBufferSize = 0 }, options => options.LoopCount = 1);
            IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
            held._listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
            EventLoop loop = held.Loop = factory.Loops.All[0];
            foreach (Func<ConnectionContext, Task> handler in handlers)
            {
                await held.ConnectAsync(loop, handler);
            }

            await held.ConnectAsync(loop, server =>
            {
                held._isHeld.Set();
                Assert.True(held._released.Wait(TimeSpan.FromSeconds(20)));
                return Task.CompletedTask;
            });
            Pair holding = held._pairs[^1];
            held._pairs.RemoveAt(held._pairs.Count - 1);
            await holding.Peer.SendAsync("x"u8.ToArray());
            await Task.Run(held._isHeld.Wait).InTime();
            Socket[] servers = [.. held._pairs.Select(pair => pair.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket)];
            held.Sockets = [.. servers.Select(server => (int)server.Handle)];
            for (int i = 0; i < servers.Length; i++)
            {
                await held._pairs[i].Peer.SendAsync("x"u8.ToArray());
                SpinWait.SpinUntil(() => servers[i].Poll(0, SelectMode.SelectRead));
            }

            held._pairs.Add(holding);
            return held;
        }

        /// <summary>Lets the loop go on.</summary>
        /// <returns>A line of each connection.</returns>
        public async Task<string[]> ReleaseAsync(int from = 0)
        {
            var replies = new List<string>();
            for (int i = from; i < _pairs.Count - 1; i++)
            {
                replies.Add(await ReplyAsync(i));
            }

            return [.. replies];
        }

        public async Task<string> ReplyAsync(int index)
        {
            _released.Set();
            var text = new StringBuilder();
            byte[] buffer = new byte[1];
            while (text.Length == 0 || text[^1] != '\n')
            {
                Assert.Equal(1, await _pairs[index].Peer.ReceiveAsync(buffer).InTime($"the reply of {index} behind '{text}'"));
                text.Append((char)buffer[0]);
            }

            return text.ToString();
        }

        public async ValueTask DisposeAsync()
        {
            _released.Set();
            foreach (Pair pair in _pairs)
            {
                await pair.DisposeAsync();
            }

            await Task.WhenAll(_handling).InTime();
            await _listening!.DisposeAsync();
            _isHeld.Dispose();
            _released.Dispose();
        }

        private async Task ConnectAsync(EventLoop loop, Func<ConnectionContext, Task> handler)
        {
            Pair pair = await _listening!.PairAsync(socket => socket.NoDelay = true);
            _pairs.Add(pair);
            bool isOnLoop = false;
            _handling.Add(Task.Run(async () =>
            {
                try
                {
                    // A wait that has ended before it is awaited goes on where it is; from the loop on, everything is on it.
                    while (!isOnLoop)
                    {
                        await ReadAsync(pair.Server);
                        Volatile.Write(ref isOnLoop, loop.IsCurrent);
                        await pair.Server.Transport.Output.WriteAsync("."u8.ToArray());
                    }

                    await ReadAsync(pair.Server);
                    await handler(pair.Server);
                }
                catch (ConnectionAbortedException)
                {
                    // by the test
                }
            }));
            while (!Volatile.Read(ref isOnLoop))
            {
                await pair.Peer.SendAsync("."u8.ToArray());
                await pair.Peer.ReceiveExactlyAsync(1).InTime();
            }
        }

        private static async Task ReadAsync(ConnectionContext server)
        {
            ReadResult read = await server.Transport.Input.ReadAsync();
            server.Transport.Input.AdvanceTo(read.Buffer.End);
        }
    }
}
