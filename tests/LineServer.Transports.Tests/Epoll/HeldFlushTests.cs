using System.Net.Sockets;
using System.Text;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Small flushes on the thread pool: one work item sends them for all connections of a loop.</summary>
[Collection(nameof(Alone))]
public sealed class HeldFlushTests : IAsyncLifetime
{
    private readonly List<Pair> _pairs = [];
    private readonly SemaphoreSlim _blocks = new(0);
    private readonly SemaphoreSlim _gate = new(0);
    private Listening _listening = null!;
    private Task _blocked = Task.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        RecordingSystemCalls.Calls.Clear();
        RecordingSystemCalls.SendsFallShort = false;
        RecordingSystemCalls.Throwing = -1;
        var transport = new EpollUnderTest<RecordingSystemCalls>(inline: false);
        EpollTransport<RecordingSystemCalls> factory = transport.Create(new TransportSettings(), options => options.LoopCount = 1);
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        _listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
    }

    public async ValueTask DisposeAsync()
    {
        RecordingSystemCalls.BeforeSend = null;
        RecordingSystemCalls.Throwing = -1;
        await _blocked.InTime();
        foreach (Pair pair in _pairs)
        {
            await pair.DisposeAsync();
        }

        await _listening.DisposeAsync();
        _blocks.Dispose();
        _gate.Dispose();
    }

    [Fact]
    public async Task Flushes_that_follow_each_other_leave_in_one_send()
    {
        Pair pair = await ConnectAsync();
        int socket = SocketOf(pair);
        await BlockSendsOfAnotherAsync();
        await OnPoolAsync(async () =>
        {
            await pair.Output.WriteAsync("one "u8.ToArray());
            await pair.Output.WriteAsync("two "u8.ToArray());
            await pair.Output.WriteAsync("three"u8.ToArray());
        });
        Assert.DoesNotContain(RecordingSystemCalls.Calls, call => call.IsSend && call.Socket == socket);
        _gate.Release();
        Assert.Equal("one two three", await ReceiveAsync(pair, 13));
        Assert.Single(RecordingSystemCalls.Calls, call => call.IsSend && call.Socket == socket);
    }

    [Fact]
    public async Task A_flush_leaves_though_the_code_that_made_it_blocks()
    {
        Pair pair = await ConnectAsync();
        using var blocked = new ManualResetEventSlim();
        Task handling = OnPoolAsync(async () =>
        {
            await pair.Output.WriteAsync("reply"u8.ToArray());
            Assert.True(blocked.Wait(TimeSpan.FromSeconds(20)));
        });
        Assert.Equal("reply", await ReceiveAsync(pair, 5));
        blocked.Set();
        await handling.InTime();
    }

    [Fact]
    public async Task A_large_flush_follows_those_before_it()
    {
        Pair pair = await ConnectAsync();
        await BlockSendsOfAnotherAsync();
        string large = new('x', 20_000);
        await OnPoolAsync(async () =>
        {
            await pair.Output.WriteAsync("small "u8.ToArray());
            await pair.Output.WriteAsync(Encoding.ASCII.GetBytes(large));
        });
        _gate.Release();
        Assert.Equal("small " + large, await ReceiveAsync(pair, 6 + large.Length));
    }

    [Fact]
    public async Task A_connection_that_is_disposed_sends_what_was_flushed_then_FIN()
    {
        Pair pair = await ConnectAsync();
        await BlockSendsOfAnotherAsync();
        await OnPoolAsync(async () => await pair.Output.WriteAsync("reply"u8.ToArray()));
        await pair.Server.DisposeAsync().AsTask().InTime();
        Assert.Equal("reply", Encoding.ASCII.GetString(await pair.Peer.ReceiveToEndAsync().InTime()));
        _gate.Release();
    }

    [Fact]
    public async Task A_send_that_throws_ends_its_own_connection_and_no_other()
    {
        Pair failing = await ConnectAsync();
        Pair other = await ConnectAsync();
        await BlockSendsOfAnotherAsync();
        RecordingSystemCalls.Throwing = SocketOf(failing);
        await OnPoolAsync(async () => await failing.Output.WriteAsync("lost"u8.ToArray()));
        await OnPoolAsync(async () => await other.Output.WriteAsync("reply"u8.ToArray()));
        _gate.Release();
        Assert.Equal("reply", await ReceiveAsync(other, 5));
        await Assert.ThrowsAnyAsync<Exception>(async () => await failing.Peer.ReceiveToEndAsync().InTime());
    }

    private static int SocketOf(Pair pair) => (int)pair.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket.Handle;

    private static Task OnPoolAsync(Func<Task> act) => Task.Run(act).InTime();

    private static async Task<string> ReceiveAsync(Pair pair, int count) =>
        Encoding.ASCII.GetString(await pair.Peer.ReceiveExactlyAsync(count).InTime());

    /// <summary>The work item that sends is kept in the send of another connection until the gate is released.</summary>
    private async Task BlockSendsOfAnotherAsync()
    {
        Pair another = await ConnectAsync();
        int socket = SocketOf(another);
        RecordingSystemCalls.BeforeSend = sending =>
        {
            if (sending == socket)
            {
                _blocks.Release();
                Assert.True(_gate.Wait(TimeSpan.FromSeconds(20)));
            }
        };
        // Not awaited yet: the send that is blocked holds the lock that the rest of this flush may want.
        _blocked = OnPoolAsync(async () => await another.Output.WriteAsync("blocks"u8.ToArray()));
        await _blocks.WaitAsync().InTime();
    }

    private async Task<Pair> ConnectAsync()
    {
        Pair pair = await _listening.PairAsync(socket => socket.NoDelay = true);
        _pairs.Add(pair);
        // The first edge says that the socket is writable. If it came later, the loop would wait for a send that is blocked.
        await pair.Peer.SendAsync("x"u8.ToArray()).InTime();
        pair.Input.AdvanceTo((await pair.Input.ReadAsync().AsTask().InTime()).Buffer.End);
        return pair;
    }
}
