using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Transports;

/// <summary>A queue of connections.</summary>
internal sealed class InMemoryListener : IConnectionListener
{
    private readonly Channel<ConnectionContext> _backlog = Channel.CreateUnbounded<ConnectionContext>();

    public EndPoint EndPoint { get; } = new IPEndPoint(IPAddress.None, 0);

    public PipePeer Connect(TransportSettings settings)
    {
        var inbound = new Pipe(Options(settings.MaxReadBufferSize));
        var outbound = new Pipe(Options(settings.MaxWriteBufferSize));
        Assert.True(_backlog.Writer.TryWrite(new InMemoryConnection(inbound, outbound)));
        return new PipePeer(outbound.Reader, inbound.Writer);
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _backlog.Reader.WaitToReadAsync(cancellationToken) && _backlog.Reader.TryRead(out ConnectionContext? connection) ? connection : null;

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _backlog.Writer.TryComplete();
        return default;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    private static PipeOptions Options(long limit) => new(pauseWriterThreshold: limit, resumeWriterThreshold: limit / 2, useSynchronizationContext: false);
}
