using System.Net;
using System.Net.Sockets;

namespace LineServer.Transports.Tests.Support;

/// <summary>A plain socket.</summary>
internal sealed class SocketPeer(Socket socket) : Peer
{
    public Socket Socket => socket;

    public static async Task<SocketPeer> ConnectAsync(EndPoint endPoint, Action<Socket>? configure = null)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, endPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        configure?.Invoke(socket);
        await socket.ConnectAsync(endPoint).InTime();
        return new SocketPeer(socket);
    }

    public override ValueTask<int> SendSomeAsync(ReadOnlyMemory<byte> bytes) => socket.SendAsync(bytes);

    public override ValueTask<int> ReceiveAsync(Memory<byte> buffer) => socket.ReceiveAsync(buffer);

    public override void HalfClose() => socket.Shutdown(SocketShutdown.Send);

    public override void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    public override void Dispose() => socket.Dispose();
}
