using System.Net;
using System.Net.Sockets;

namespace LineServer.Transports.Clients;

/// <summary>A connected socket, from an address of this machine's own choosing.</summary>
internal static class ClientSocket
{
    public static async Task<Socket> ConnectAsync(EndPoint server, IPAddress from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(server);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
