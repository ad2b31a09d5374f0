using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Transports;

/// <summary>Two pipes a connection, no socket: the shortest transport there is.</summary>
public sealed class InMemoryTransport : Transport
{
    public override bool DeliversBeforeReset => false;

    public override bool DisposesBesideUse => false;

    public override long KernelSlack(int kernelBuffer) => 0;

    public override ValueTask<Listening> ListenAsync(TransportSettings? settings = null)
    {
        settings ??= new TransportSettings();
        var listener = new InMemoryListener();
        return ValueTask.FromResult(new Listening(listener, null, _ => Task.FromResult<Peer>(listener.Connect(settings))));
    }

    public override IConnectionListenerFactory CreateFactory(TransportSettings settings) => throw new NotSupportedException("Not for a host.");
}
