using System.Net;
using System.Net.Sockets;

namespace LineServer.Client;

/// <summary>
/// A connection to a line server. One send and one receive may run at the same time, but not two of the same
/// kind. Sending can end while replies still arrive.
/// </summary>
/// <remarks>The client neither buffers nor interprets bytes; framing is up to the caller.</remarks>
public sealed class LineClient : IDisposable
{
    private readonly Socket _socket;

    private LineClient(Socket socket) => _socket = socket;

    /// <summary>
    /// The number of bytes handed to the kernel that the server's kernel has not taken yet; 0 after disposal.
    /// </summary>
    /// <remarks>See SIOCOUTQ in tcp(7) and unix(7).</remarks>
    public int UnsentBytes => Posix.UnsentBytes(_socket.SafeHandle);

    /// <summary>
    /// Connects, without retrying. <paramref name="cancellationToken"/> and the kernel limit the time.
    /// </summary>
    /// <exception cref="SocketException">
    /// The connection failed: nobody listens, the host is unknown, no descriptor is left.
    /// </exception>
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

    /// <summary>
    /// Sends all of <paramref name="bytes"/> unchanged. Waits while the server does not read.
    /// </summary>
    /// <remarks>
    /// If it is cancelled or fails, any part of the bytes may have been sent, so the connection cannot be
    /// used for sending anymore.
    /// </remarks>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, cancellationToken)..];
        }
    }

    /// <summary>Receives at least one byte; waits until one is available.</summary>
    /// <returns>The number of bytes; 0 if the server will send no more.</returns>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken);

    /// <summary>Half-closes: sends FIN. Replies still arrive.</summary>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public void CompleteSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>
    /// Closes the connection. A pending send or receive throws. Thread-safe; may be called more than once.
    /// </summary>
    public void Dispose() => _socket.Dispose();

    private static Socket NewSocket(EndPoint endPoint) => endPoint switch
    {
        UnixDomainSocketEndPoint => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
        IPEndPoint ip => new(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true },

        // A name may resolve to IPv4 and IPv6 addresses, so the socket is dual-mode.
        _ => new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true },
    };
}
