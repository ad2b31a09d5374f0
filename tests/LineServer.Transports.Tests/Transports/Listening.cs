using System.Net;
using System.Net.Sockets;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Transports;

/// <summary>A bound listener, and the way to connect to it.</summary>
public sealed class Listening(IConnectionListener listener, object? owner, Func<Action<Socket>?, Task<Peer>> connect) : IAsyncDisposable
{
    public IConnectionListener Listener => listener;

    public EndPoint EndPoint => listener.EndPoint;

    public Task<Peer> ConnectAsync(Action<Socket>? configure = null) => connect(configure);

    public async Task<ConnectionContext> AcceptAsync() =>
        await listener.AcceptAsync().InTime() ?? throw new InvalidOperationException("The listener has ended.");

    public async Task<Pair> PairAsync(Action<Socket>? configure = null)
    {
        Peer peer = await ConnectAsync(configure);
        return new Pair(await AcceptAsync(), peer);
    }

    public async ValueTask DisposeAsync()
    {
        await listener.UnbindAsync().InTime();
        await listener.DisposeAsync().InTime();
        if (owner is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync().InTime();
        }
    }
}
