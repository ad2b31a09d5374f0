using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Transports;

/// <summary>Kestrel's sockets behind pipes that cut what there is into small pieces, and that often have nothing yet though there is something.</summary>
public sealed class CutTransport(int most) : SocketsTransport
{
    private static int _seed = Random.Shared.Next();

    protected override string? Note => $"seed {_seed}";

    public override IConnectionListenerFactory CreateFactory(TransportSettings settings) => new Factory(base.CreateFactory(settings), most);

    private sealed class Factory(IConnectionListenerFactory inner, int most) : IConnectionListenerFactory
    {
        public async ValueTask<IConnectionListener> BindAsync(System.Net.EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new Listener(await inner.BindAsync(endpoint, cancellationToken), most);
    }

    private sealed class Listener(IConnectionListener inner, int most) : IConnectionListener
    {
        public System.Net.EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            ConnectionContext? connection = await inner.AcceptAsync(cancellationToken);
            if (connection is not null)
            {
                int seed = Interlocked.Increment(ref _seed);
                connection.Transport = new CutPipes(connection.Transport, seed, most);
            }

            return connection;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class CutPipes(IDuplexPipe inner, int seed, int most) : IDuplexPipe
    {
        public PipeReader Input { get; } = new CuttingReader(inner.Input, new Random(seed), most);

        public PipeWriter Output { get; } = new CuttingWriter(inner.Output, new Random(seed), most);
    }
}
