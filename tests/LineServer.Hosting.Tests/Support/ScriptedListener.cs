using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting.Tests.Support;

/// <summary>A transport whose accepts follow a script: an exception, the end, or pending.</summary>
internal sealed class ScriptedListener : IConnectionListenerFactory, IConnectionListener
{
    private readonly Channel<Func<ConnectionContext?>> _accepts = Channel.CreateUnbounded<Func<ConnectionContext?>>();

    public EndPoint EndPoint { get; } = new IPEndPoint(IPAddress.Loopback, 1);

    public int AcceptCount { get; private set; }

    public void Throw(Exception exception) => _accepts.Writer.TryWrite(() => throw exception);

    public void End() => _accepts.Writer.TryWrite(() => null);

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(this);

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        AcceptCount++;
        return (await _accepts.Reader.ReadAsync(cancellationToken))();
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        End();
        return default;
    }

    public ValueTask DisposeAsync() => default;
}
