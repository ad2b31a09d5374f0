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
        var loop = new ConnectionLoop(connection, endpoint);
        CloseReason refused = endpoint.Connections.Add(loop);
        if (refused != CloseReason.None)
        {
            return Refusal.RunAsync(connection, endpoint, refused);
        }

        return connection.Features.Get<IConnectionLifetimeNotificationFeature>() is { } lifetime ? RunAsync(loop, lifetime) : loop.RunAsync();
    }

    /// <summary>Where the host tells its connections of its stop, as Kestrel does.</summary>
    private static async Task RunAsync(ConnectionLoop loop, IConnectionLifetimeNotificationFeature lifetime)
    {
        using CancellationTokenRegistration drain = lifetime.ConnectionClosedRequested.UnsafeRegister(
            static loop => ((ConnectionLoop)loop!).BeginDrain(), loop);
        await loop.RunAsync();
    }

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
