using System.Net;
using System.Net.Sockets;
using LineServer.Configuration;
using LineServer.Systemd;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace LineServer.Daemon;

/// <summary>From an address as it is written to a socket that is bound to it.</summary>
internal static class ListenSocket
{
    // <linux/tcp.h>; .NET has no name for it.
    private const int TcpUserTimeout = 18;

    /// <summary>What Kestrel is told to listen on: one, or all the sockets that systemd has passed by that name.</summary>
    /// <exception cref="ListenException">There is no such host, or systemd has passed no such socket.</exception>
    public static IReadOnlyList<EndPoint> Resolve(EndpointSettings endpoint)
    {
        EndpointAddress address = endpoint.Address;
        switch (address.Kind)
        {
            case AddressKind.Unix:
                return [new UnixDomainSocketEndPoint(address.Name)];
            case AddressKind.Systemd:
                return SystemdSockets.TryFind(address.Name, out IReadOnlyList<ulong> descriptors) is { } problem
                    ? throw CannotListen(endpoint, problem)
                    : [.. descriptors.Select(descriptor => new FileHandleEndPoint(descriptor, FileHandleType.Auto))];
            default:
                return [new IPEndPoint(ResolveHost(endpoint), address.Port)];
        }
    }

    /// <summary>Binds; a stale Unix socket file is replaced, a live one is an error.</summary>
    /// <exception cref="ListenException">It cannot be bound: in use, not permitted, no such address.</exception>
    public static Socket Bind(EndpointSettings endpoint, EndPoint endPoint)
    {
        try
        {
            if (endPoint is UnixDomainSocketEndPoint unix)
            {
                RemoveStaleFile(endpoint, unix);
            }

            Socket socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);
            LimitUnacknowledged(socket, endpoint);
            return socket;
        }
        catch (SocketException e)
        {
            throw CannotListen(endpoint, Explain(e, endpoint.Address));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotListen(endpoint, e.Message);
        }
    }

    // What the kernel has taken and a vanished client never acknowledges: tcp(7). Accepted connections inherit it.
    private static void LimitUnacknowledged(Socket socket, EndpointSettings endpoint)
    {
        if (socket.ProtocolType == ProtocolType.Tcp && endpoint.Limits.SendTimeout is { } timeout)
        {
            socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, TcpUserTimeout, BitConverter.GetBytes((int)Math.Min(timeout.TotalMilliseconds, int.MaxValue)));
        }
    }

    private static void RemoveStaleFile(EndpointSettings endpoint, UnixDomainSocketEndPoint unix)
    {
        string path = endpoint.Address.Name;
        if (!Path.Exists(path))
        {
            return;
        }

        // Asked first: connect(2) refuses a regular file as it does a socket that nobody listens on.
        if (SocketFile.TryTell(path) is not { } isSocket)
        {
            throw CannotListen(endpoint, "the path exists, and this user may not look at it");
        }

        if (!isSocket)
        {
            throw CannotListen(endpoint, "the path exists, and is no socket");
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(unix);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            throw CannotListen(endpoint, "the path exists, and this user may not connect to it");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            // Nobody listens: left behind by a process that was killed.
            File.Delete(path);
            return;
        }

        throw CannotListen(endpoint, "another process listens on it");
    }

    private static IPAddress ResolveHost(EndpointSettings endpoint)
    {
        string host = endpoint.Address.Name;
        if (host == "*")
        {
            return Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any;
        }

        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            return address;
        }

        try
        {
            IPAddress[] addresses = Dns.GetHostAddresses(host);
            return Array.Find(addresses, found => found.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw CannotListen(endpoint, $"the host name cannot be resolved: {e.Message}");
        }
    }

    private static string Explain(SocketException e, EndpointAddress address) => e.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "the address is in use, by another process or another endpoint",
        SocketError.AccessDenied when address.Kind == AddressKind.Tcp => "permission denied: ports below net.ipv4.ip_unprivileged_port_start (1024) need CAP_NET_BIND_SERVICE",
        SocketError.AccessDenied => "permission denied: the directory cannot be written",
        SocketError.AddressNotAvailable when address.Kind == AddressKind.Unix => "the directory does not exist",
        SocketError.AddressNotAvailable => "this machine has no such address",
        _ => e.Message,
    };

    private static ListenException CannotListen(EndpointSettings endpoint, string problem) =>
        new($"endpoint '{endpoint.Name}' cannot listen on {endpoint.Address}: {problem}");
}
