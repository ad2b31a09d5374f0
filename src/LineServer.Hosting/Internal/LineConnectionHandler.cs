using System.Net;
using System.Net.Sockets;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>The end of an endpoint's connection pipeline: where the host hands over a connection.</summary>
internal sealed class LineConnectionHandler(LineEndpoint endpoint) : ConnectionHandler
{
    // <linux/tcp.h>; .NET has no name for it.
    private const int TcpUserTimeout = 18;

    public LineEndpoint Endpoint => endpoint;

    /// <summary>Serves a connection of a foreign host, or one of ours that has come through middleware.</summary>
    public override Task OnConnectedAsync(ConnectionContext connection)
    {
        if (connection.Features.Get<ConnectionPlace>() is { } taken)
        {
            return ServeAsync(connection, taken);
        }

        LimitUnacknowledged(connection);
        EndPoint? peer = endpoint.Admission.IgnoresPeers ? null : connection.RemoteEndPoint;
        CloseReason refusal = endpoint.Admission.TryEnter(peer);
        if (refusal != CloseReason.None)
        {
            return Refusal.RunAsync(connection, endpoint, refusal);
        }

        var place = new ConnectionPlace(endpoint.Admission, peer);
        try
        {
            return ServeAsync(connection, place);
        }
        catch
        {
            // No memory for the loop, which would have freed it.
            place.Free();
            throw;
        }
    }

    /// <summary>Serves a connection that has a place; returns when it has ended.</summary>
    public Task ServeAsync(ConnectionContext connection, ConnectionPlace place)
    {
        var loop = new ConnectionLoop(connection, endpoint, place);
        endpoint.Connections.Add(loop);
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
