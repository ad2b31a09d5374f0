using System.Net;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Transports.Tests.Transports;

/// <summary>Kestrel's own: what every other transport is compared with.</summary>
public class SocketsTransport(bool unix = false) : Transport
{
    public override bool ServerCanHalfClose => false;

    public override bool DeliversBeforeReset => false;

    public override bool AcceptsBacklogAfterUnbind => false;

    public override bool DisposesBesideUse => false;

    public override bool HasReset => !unix;

    // What a Unix domain socket accepts does not inherit the listening socket's buffers: they are the system's.
    public override long KernelSlack(int kernelBuffer) => unix ? 512 * 1024 : base.KernelSlack(kernelBuffer);

    public override EndPoint NewEndPoint() => unix ? BoundSockets.NewUnixEndPoint() : base.NewEndPoint();

    public override IConnectionListenerFactory CreateFactory(TransportSettings settings)
    {
        var options = new SocketTransportOptions
        {
            MaxReadBufferSize = settings.MaxReadBufferSize,
            MaxWriteBufferSize = settings.MaxWriteBufferSize,
            Backlog = settings.Backlog,
        };
        if (settings.KernelBuffer is { } size)
        {
            options.CreateBoundListenSocket = BoundSockets.Of(SocketTransportOptions.CreateDefaultBoundListenSocket, size);
        }

        return new SocketTransportFactory(Options.Create(options), NullLoggerFactory.Instance);
    }
}
