using System.Net;
using System.Net.Sockets;

namespace LineServer.Transports.Tests.Transports;

/// <summary>Listening sockets with small buffers: what they accept inherits them.</summary>
internal static class BoundSockets
{
    public static Func<EndPoint, Socket> Of(Func<EndPoint, Socket> bind, int kernelBuffer) => endPoint =>
    {
        Socket socket = bind(endPoint);
        socket.SendBufferSize = kernelBuffer;
        socket.ReceiveBufferSize = kernelBuffer;
        return socket;
    };

    public static EndPoint NewUnixEndPoint() => new UnixDomainSocketEndPoint(Path.Combine(Path.GetTempPath(), $"transport-{Guid.NewGuid():N}.sock"));
}
