using System.Net.Sockets;
using System.Text;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Connections on one loop that is held until a byte has come on each of them: their edges come in one turn, in their order.</summary>
internal sealed class HeldGroup : IAsyncDisposable
{
    private readonly List<Pair> _pairs = [];
    private readonly List<Task> _handling = [];
    private readonly ManualResetEventSlim _isHeld = new();
    private readonly ManualResetEventSlim _released = new();
    private Listening? _listening;

    public EventLoop Loop { get; private set; } = null!;

    public IReadOnlyList<int> Sockets { get; private set; } = [];

    public IReadOnlyList<Peer> Peers => [.. _pairs.Select(pair => pair.Peer)];

    public static async Task<HeldGroup> HoldAsync(params Func<ConnectionContext, Task>[] handlers)
    {
        var held = new HeldGroup();
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

    /// <summary>A handler that flushes each of these pieces, and ends.</summary>
    public static Func<ConnectionContext, Task> Reply(params string[] pieces) => async server =>
    {
        foreach (string piece in pieces)
        {
            await server.Transport.Output.WriteAsync(Encoding.ASCII.GetBytes(piece));
        }
    };

    private async Task ConnectAsync(EventLoop loop, Func<ConnectionContext, Task> handler)
    {
        (Pair pair, Task handling) = await PairOnLoop.ConnectAsync(_listening!, loop, async server =>
        {
            await PairOnLoop.ReadAsync(server);
            await handler(server);
        });
        _pairs.Add(pair);
        _handling.Add(handling);
    }
}
