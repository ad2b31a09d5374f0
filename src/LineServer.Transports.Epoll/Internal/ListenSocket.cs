using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Creates a socket bound to an endpoint.</summary>
internal static class ListenSocket
{
    /// <exception cref="SocketException">The endpoint cannot be bound.</exception>
    /// <exception cref="NotSupportedException">This kind of endpoint is not supported.</exception>
    public static Socket Bind(EndPoint endpoint, UnixFileMode? mode) => endpoint switch
    {
        FileHandleEndPoint inherited => BoundSocket.OfDescriptor((int)inherited.FileHandle),
        UnixDomainSocketEndPoint unix => BoundSocket.OfName(unix, mode),
        IPEndPoint ip => BoundSocket.OfAddress(ip),
        _ => throw new NotSupportedException($"The epoll transport listens on IP, Unix domain and inherited sockets, not on {endpoint.GetType().Name}."),
    };
}
