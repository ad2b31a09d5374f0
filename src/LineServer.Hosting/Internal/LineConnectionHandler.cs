using System.Net;
using System.Net.Sockets;
using LineServer.Connections;
using LineServer.Linux;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The last step of an endpoint's connection pipeline, to which the host hands over a connection.
/// </summary>
internal sealed class LineConnectionHandler(LineEndpoint endpoint) : ConnectionHandler
{
    public LineEndpoint Endpoint => endpoint;

    /// <summary>Serves a connection of another host, or one of ours that went through middleware.</summary>
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
            return RefuseAsync(connection, refusal);
        }

        var place = new ConnectionPlace(endpoint.Admission, peer);
        try
        {
            return ServeAsync(connection, place);
        }
        catch
        {
            // Creating the loop, which would have freed the place, ran out of memory.
            place.Free();
            throw;
        }
    }

    /// <summary>Serves a connection that has a place. The task ends with the connection.</summary>
    public Task ServeAsync(ConnectionContext connection, ConnectionPlace place)
    {
        var loop = new ConnectionLoop(connection, endpoint, place);
        endpoint.Connections.Add(loop);
        return connection.Features.Get<IConnectionLifetimeNotificationFeature>() is { } lifetime ? RunAsync(loop, lifetime) : loop.RunAsync();
    }

    // The host disposes the connection afterwards. On Kestrel's sockets that waits for the client to read, without
    // this bound; on TCP, TCP_USER_TIMEOUT ends it.
    private async Task RefuseAsync(ConnectionContext connection, CloseReason reason)
    {
        using ITimer? bound = Refusal.Bound(connection, endpoint);
        await Refusal.RunAsync(connection, endpoint, reason);
    }

    /// <summary>
    /// Also drains the connection when the host announces its stop through this feature, as Kestrel does.
    /// </summary>
    private static async Task RunAsync(ConnectionLoop loop, IConnectionLifetimeNotificationFeature lifetime)
    {
        CancellationTokenRegistration drain = default;
        try
        {
            drain = lifetime.ConnectionClosedRequested.UnsafeRegister(static loop => ((ConnectionLoop)loop!).BeginDrain(), loop);
        }
        catch (ObjectDisposedException)
        {
            // The host has ended and announces nothing anymore. The loop must run, or its place is never freed.
        }

        using (drain)
        {
            await loop.RunAsync();
        }
    }

    // Kestrel's sockets hand replies to the kernel, and only the kernel knows how long a vanished client has not
    // acknowledged them: see TCP_USER_TIMEOUT in tcp(7). The epoll transport has an option for it, and creating a
    // Socket for each of its connections would be expensive.
    private void LimitUnacknowledged(ConnectionContext connection)
    {
        if (OperatingSystem.IsLinux()
            && endpoint.Limits.SendTimeout is { } timeout
            && connection.Features.Get<IHalfCloseFeature>() is not { CompletingOutputSendsFin: true }
            && connection.Features.Get<IConnectionSocketFeature>()?.Socket is { ProtocolType: ProtocolType.Tcp } socket)
        {
            try
            {
                socket.SetRawSocketOption(Libc.LevelTcp, Libc.TcpUserTimeout, BitConverter.GetBytes((int)Math.Min(timeout.TotalMilliseconds, int.MaxValue)));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The connection is gone; its loop will notice.
            }
        }
    }
}
