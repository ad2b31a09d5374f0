using System.Net.Sockets;
using System.Text;
using LineServer.Framing;

namespace LineServer.Client.Streams;

/// <summary>
/// A connection that sends acknowledged lines (LS1). It attaches to one stream, sends its lines from
/// <see cref="StreamStatus.Count"/> + 1 on, and reads how many are durable. One send and one receive may run at
/// the same time, but not two of the same kind.
/// </summary>
/// <remarks>
/// The caller decides what to do when the connection is lost: attach again, and send what the new
/// <see cref="Status"/> does not count. So no line is lost, and none is stored twice.
/// </remarks>
public sealed class LineStreamClient : IDisposable
{
    private readonly LineClient _connection;
    private readonly ReplyParser _parser = new();
    private readonly byte[] _buffer = new byte[4096];
    private ReadOnlyMemory<byte> _unread;

    private LineStreamClient(LineClient connection) => _connection = connection;

    /// <summary>The server's answer to the attachment.</summary>
    public StreamStatus Status { get; private set; } = new() { Count = 0 };

    /// <summary>Called when bytes have come, whether they are known replies or not.</summary>
    internal Action? OnReceived { get; set; }

    /// <summary>Opens a stream on a new connection, and waits for the server's answer. No line may be sent before.</summary>
    /// <param name="connection">A connection on which nothing was sent. It is disposed with the result, or on failure.</param>
    /// <param name="stream">1 to 64 of <c>A-Z a-z 0-9 . _ -</c>, the first a letter or digit.</param>
    /// <param name="token">The secret that allows the stream, 1 to 128 visible ASCII characters; null for none.</param>
    /// <param name="cancellationToken">Ends the wait. The server has a time limit of its own for the opening.</param>
    /// <exception cref="ArgumentException">The name or the token has another form.</exception>
    /// <exception cref="LineStreamException">The server refuses.</exception>
    /// <exception cref="SocketException">The connection is lost.</exception>
    /// <exception cref="IOException">The server closed the connection without an answer.</exception>
    public static async Task<LineStreamClient> AttachAsync(
        LineClient connection, string stream, string? token = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(stream);
        if (!StreamName.IsValid(stream))
        {
            throw new ArgumentException($"'{stream}' is no name of a stream", nameof(stream));
        }

        if (token is not null && !StreamToken.IsValid(token))
        {
            throw new ArgumentException("the token is not 1 to 128 visible ASCII characters", nameof(token));
        }

        var client = new LineStreamClient(connection);
        try
        {
            await connection.SendAsync(Encoding.ASCII.GetBytes(token is null ? $"LS1 {stream}\n" : $"LS1 {stream} token={token}\n"), cancellationToken);
            client.Status = await client.ReceiveStatusAsync(cancellationToken);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Sends bytes of lines, unchanged. Waits while the server does not read.</summary>
    /// <exception cref="SocketException">The connection is lost; <see cref="ReceiveAsync"/> may still tell why.</exception>
    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default) =>
        _connection.SendAsync(bytes, cancellationToken);

    /// <summary>Half-closes. The server answers with <see cref="StreamReplyKind.Ended"/> when all lines are durable.</summary>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public void CompleteSending() => _connection.CompleteSending();

    /// <summary>Receives the next reply that is known; waits for it.</summary>
    /// <returns>Null when the server has closed.</returns>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public async ValueTask<StreamReply?> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (TryParse(out StreamReply reply))
            {
                return reply;
            }

            int received = await _connection.ReceiveAsync(_buffer, cancellationToken);
            if (received == 0)
            {
                return null;
            }

            _unread = _buffer.AsMemory(0, received);
            OnReceived?.Invoke();
        }
    }

    /// <summary>Closes the connection. A pending send or receive throws. Thread-safe; may be called more than once.</summary>
    public void Dispose() => _connection.Dispose();

    private bool TryParse(out StreamReply reply)
    {
        ReadOnlySpan<byte> bytes = _unread.Span;
        bool isRead = _parser.TryRead(ref bytes, out reply);
        _unread = _unread[^bytes.Length..];
        return isRead;
    }

    private async Task<StreamStatus> ReceiveStatusAsync(CancellationToken cancellationToken)
    {
        while (await ReceiveAsync(cancellationToken) is StreamReply reply)
        {
            if (reply.Kind == StreamReplyKind.Failed)
            {
                throw new LineStreamException(reply);
            }

            if (reply.Status is StreamStatus status)
            {
                return status;
            }
        }

        throw new IOException("the server closed the connection without an answer");
    }
}
