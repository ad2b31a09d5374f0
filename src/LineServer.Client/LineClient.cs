using System.Net;
using System.Net.Sockets;

namespace LineServer.Client;

/// <summary>
/// One connection to a line server: bytes out, bytes in, and an end of sending that leaves the replies readable.
/// One send and one receive may run at the same time; two of the same kind may not.
/// </summary>
/// <remarks>It neither buffers nor looks at the bytes: what a line is, is its user's business.</remarks>
public sealed class LineClient : IDisposable
{
    private readonly Socket _socket;

    private LineClient(Socket socket) => _socket = socket;

    /// <summary>Bytes handed to the kernel that the server's kernel has not taken yet; 0 once disposed.</summary>
    /// <remarks>See SIOCOUTQ in tcp(7) and unix(7).</remarks>
    public int UnsentBytes => Posix.UnsentBytes(_socket.SafeHandle);

    /// <summary>Connects once. <paramref name="cancellationToken"/> is the only time limit besides the kernel's.</summary>
    /// <exception cref="SocketException">Nobody listens, the host is unknown, no descriptor is left…</exception>
    public static async Task<LineClient> ConnectAsync(ServerAddress address, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        Socket socket = NewSocket(address.EndPoint);
        try
        {
            await socket.ConnectAsync(address.EndPoint, cancellationToken);
            return new(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends all of <paramref name="bytes"/>, as they are. Waits while the server takes no more.</summary>
    /// <remarks>Cancelled or failed, any part of them may have been sent: the connection is of no more use for sending.</remarks>
    /// <exception cref="SocketException">The connection is gone.</exception>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, cancellationToken)..];
        }
    }

    /// <summary>Receives what is there, at least one byte; waits for it.</summary>
    /// <returns>The number of bytes; 0 means that the server will send no more.</returns>
    /// <exception cref="SocketException">The connection is gone.</exception>
    public ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken);

    /// <summary>Tells the server that no more will be sent (half-close, FIN). Replies still arrive.</summary>
    /// <exception cref="SocketException">The connection is gone.</exception>
    public void CompleteSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Closes the connection. A pending send or receive ends with an exception. May be called twice, and from any thread.</summary>
    public void Dispose() => _socket.Dispose();

    private static Socket NewSocket(EndPoint endPoint) => endPoint switch
    {
        UnixDomainSocketEndPoint => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
        IPEndPoint ip => new(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true },

        // A name may stand for IPv4 and IPv6 addresses: one socket for both.
        _ => new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true },
    };
}
