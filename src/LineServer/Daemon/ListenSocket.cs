using System.Net;
using System.Net.Sockets;
using LineServer.Configuration;
using LineServer.Linux;
using LineServer.Systemd;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Daemon;

/// <summary>Turns the address in a configuration into a bound socket.</summary>
internal static class ListenSocket
{
    // Longer than the resolver's own timeout, five seconds per server.
    private static readonly TimeSpan LongestResolution = TimeSpan.FromSeconds(10);

    /// <summary>Finds what to bind: one address, or all sockets that systemd has passed under that name.</summary>
    /// <exception cref="StartException">The host is unknown, or systemd has passed no such socket.</exception>
    public static IReadOnlyList<EndPoint> Resolve(EndpointSettings endpoint)
    {
        EndpointAddress address = endpoint.Address;
        return address.Kind switch
        {
            AddressKind.Unix => [address.ToUnixEndPoint()],
            AddressKind.Systemd => ResolveSystemd(endpoint),
            _ => [new IPEndPoint(ResolveHost(endpoint), address.Port)],
        };
    }

    /// <summary>
    /// Binds a socket. A stale Unix socket file is replaced; a live one is an error. Disposing the socket removes
    /// the file that it has created.
    /// </summary>
    /// <exception cref="StartException">The address is in use, not permitted, or not of this machine.</exception>
    public static Socket Bind(EndpointSettings endpoint, EndPoint endPoint)
    {
        try
        {
            Socket socket = endPoint switch
            {
                UnixDomainSocketEndPoint unix => BoundSocket.OfName(unix, endpoint.UnixSocketMode, endpoint.UnixSocketGroup),
                FileHandleEndPoint passed => BoundSocket.OfDescriptor((int)passed.FileHandle),
                _ => BoundSocket.OfAddress((IPEndPoint)endPoint),
            };
            LimitUnacknowledged(socket, endpoint);
            return socket;
        }
        catch (SocketFileException e)
        {
            throw CannotListen(endpoint, e.Message);
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

    /// <summary>Another process or endpoint uses the address.</summary>
    public static StartException InUse(EndpointSettings endpoint) => CannotListen(endpoint, "the address is in use, by another process or another endpoint");

    // Limits how long sent bytes may stay unacknowledged, because the client has vanished: tcp(7). Accepted
    // connections inherit it.
    private static void LimitUnacknowledged(Socket socket, EndpointSettings endpoint)
    {
        if (socket.ProtocolType == ProtocolType.Tcp && endpoint.Limits.SendTimeout is { } timeout)
        {
            socket.SetRawSocketOption(Libc.LevelTcp, Libc.TcpUserTimeout, BitConverter.GetBytes((int)Math.Min(timeout.TotalMilliseconds, int.MaxValue)));
        }
    }

    private static IReadOnlyList<EndPoint> ResolveSystemd(EndpointSettings endpoint)
    {
        string? problem = SystemdSockets.TryFind(endpoint.Address.Name, out IReadOnlyList<ulong> descriptors)
            ?? descriptors.Select(descriptor => BoundSocket.ProblemOf((int)descriptor)).FirstOrDefault(found => found is not null);
        return problem is null
            ? [.. descriptors.Select(descriptor => new FileHandleEndPoint(descriptor, FileHandleType.Auto))]
            : throw CannotListen(endpoint, problem);
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
            using var bound = new CancellationTokenSource(LongestResolution);
#pragma warning disable VSTHRD002 // Bounded; and the start runs on a thread that may wait.
            IPAddress[] addresses = Dns.GetHostAddressesAsync(host, bound.Token).GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
            return Array.Find(addresses, found => found.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw CannotListen(endpoint, $"the host name cannot be resolved: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            throw CannotListen(endpoint, $"the host name cannot be resolved: no answer within {LongestResolution.TotalSeconds} s");
        }
    }

    private static string Explain(SocketException e, EndpointAddress address) => e.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "the address is in use, by another process or another endpoint",
        SocketError.AccessDenied when address.Kind == AddressKind.Tcp => "permission denied: ports below net.ipv4.ip_unprivileged_port_start (1024) need CAP_NET_BIND_SERVICE",
        SocketError.AddressNotAvailable => "this machine has no such address",
        _ => e.Message,
    };

    private static StartException CannotListen(EndpointSettings endpoint, string problem) =>
        new($"endpoint '{endpoint.Name}' cannot listen on {endpoint.Address}: {problem}");
}
