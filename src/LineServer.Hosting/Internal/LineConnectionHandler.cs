using System.Net.Sockets;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace LineServer.Hosting.Internal;

/// <summary>The end of an endpoint's connection pipeline: where the host hands over a connection.</summary>
internal sealed class LineConnectionHandler(LineEndpoint endpoint) : ConnectionHandler
{
    // <linux/tcp.h>; .NET has no name for it.
    private const int TcpUserTimeout = 18;

    public override Task OnConnectedAsync(ConnectionContext connection)
    {
        LimitUnacknowledged(connection);
        return new ConnectionLoop(connection, endpoint, this).RunAsync();
    }

    /// <summary>For a transport's complaints about the handler.</summary>
    public override string ToString() => endpoint.Options.Name!;

    // What the transport has taken and a vanished client never acknowledges: on Kestrel's sockets only the kernel sees how long. tcp(7).
    private void LimitUnacknowledged(ConnectionContext connection)
    {
        if (OperatingSystem.IsLinux()
            && endpoint.Limits.SendTimeout is { } timeout
            && connection.Features.Get<IHalfCloseFeature>() is not { CompletingOutputSendsFin: true } // such a transport has an option for it, and a Socket for each connection would be dear
            && connection.Features.Get<IConnectionSocketFeature>()?.Socket is { ProtocolType: ProtocolType.Tcp } socket)
        {
            try
            {
                socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, TcpUserTimeout, BitConverter.GetBytes((int)Math.Min(timeout.TotalMilliseconds, int.MaxValue)));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The connection is gone already; its loop will find out.
            }
        }
    }
}
