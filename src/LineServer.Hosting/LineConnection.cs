using System.Buffers;
using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Hosting;

/// <summary>A connection, as its handler and the rest of the application see it.</summary>
public abstract class LineConnection
{
    private protected LineConnection(ConnectionContext context) => Context = context;

    internal ConnectionContext Context { get; }

    /// <summary>The connection's identifier in logs, assigned by the host or the transport.</summary>
    public string ConnectionId => Context.ConnectionId;

    /// <summary>The client's address; null or empty for a Unix socket.</summary>
    public EndPoint? RemoteEndPoint => Context.RemoteEndPoint;

    /// <summary>The address that the client connected to.</summary>
    public EndPoint? LocalEndPoint => Context.LocalEndPoint;

    /// <summary>
    /// The client's identity, if connection middleware has established it (for instance from a TLS client
    /// certificate).
    /// </summary>
    public ClaimsPrincipal? User => Features.Get<IConnectionUserFeature>()?.User;

    /// <summary>The features of the transport and the connection middleware.</summary>
    public IFeatureCollection Features => Context.Features;

    /// <summary>Application state of this connection, shared with connection middleware.</summary>
    public IDictionary<object, object?> Items => Context.Items;

    /// <summary>
    /// Cancelled when the connection is lost, or when the server stops waiting for it. A client's half-close
    /// does not cancel it.
    /// </summary>
    public abstract CancellationToken Aborted { get; }

    /// <summary>
    /// Why the connection ended or is ending. <see cref="CloseReason.None"/> while it is open.
    /// </summary>
    public abstract CloseReason CloseReason { get; }

    /// <summary>
    /// The number of bytes after the last line when the client has ended its stream: an incomplete line, delivered or
    /// discarded; of a counted message, its count is included. 0 before the end, and if the stream ended with a line, within a payload, or within a line that is too
    /// long.
    /// </summary>
    /// <remarks>
    /// For <see cref="LineHandlerBase.OnLinesEndedAsync"/> and <see cref="LineHandlerBase.OnClosing"/>.
    /// </remarks>
    public abstract long IncompleteLength { get; }

    /// <summary>
    /// Queues a line to this connection. Any thread may call it at any time. The line goes into a bounded
    /// mailbox, which the connection's loop empties in order, between replies, and also while a handler is
    /// pending.
    /// </summary>
    /// <param name="line">The line without its terminator; it is copied.</param>
    /// <returns>
    /// False if the mailbox is full (see <see cref="LineOptions.MailboxFullBehavior"/>) or the connection has
    /// ended.
    /// </returns>
    /// <exception cref="ArgumentException">The line holds the connection's delimiter.</exception>
    public abstract bool TryPush(ReadOnlySpan<byte> line);

    /// <summary>
    /// Makes the connection's loop call <see cref="LineHandlerBase.OnWake"/>. Any thread may call it at any time, and as
    /// often as it likes: it allocates nothing, and calls before the loop has looked are one. After the last call,
    /// OnWake is called once more, unless the connection ends first.
    /// </summary>
    /// <remarks>
    /// Write what the handler should find before this call. Returns at once, and does nothing once the connection is
    /// being closed and <see cref="LineHandlerBase.OnClosing"/> has been called.
    /// </remarks>
    public abstract void Wake();

    /// <summary>
    /// Begins an orderly close: the handler gets no further line, staged replies are sent, then FIN. Returns
    /// at once.
    /// </summary>
    public abstract void Close();

    /// <summary>Closes the connection immediately. Staged replies that were not sent are lost.</summary>
    public abstract void Abort();

    /// <summary>
    /// For <see cref="LineHandler"/>: sends the replies staged so far, and waits until the client has read
    /// enough to make room for more.
    /// </summary>
    /// <exception cref="OperationCanceledException">The connection has ended.</exception>
    /// <exception cref="InvalidOperationException">
    /// The call is not made within <see cref="LineHandler.OnLineAsync"/>, or the previous request was not
    /// awaited, or <see cref="LineOptions.MaxConcurrentLines"/> is above 1.
    /// </exception>
    public abstract ValueTask FlushAsync();

    /// <summary>
    /// For <see cref="LineHandler"/>: takes exactly <paramref name="count"/> bytes of any value after the
    /// current line. The call invalidates the line. The payload is valid until the next call, or until the
    /// handler's task ends.
    /// </summary>
    /// <exception cref="EndOfStreamException">The client ended the stream within the payload.</exception>
    /// <exception cref="OperationCanceledException">The connection has ended.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="count"/> is negative or exceeds <see cref="LineLimits.MaxReadBufferSize"/>: read a
    /// large payload in parts.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The call is not made within <see cref="LineHandler.OnLineAsync"/>, or the previous request was not
    /// awaited, or <see cref="LineOptions.MaxConcurrentLines"/> is above 1.
    /// </exception>
    public abstract ValueTask<ReadOnlySequence<byte>> ReadPayloadAsync(int count);

    /// <inheritdoc/>
    public override string ToString() => RemoteEndPoint is IPEndPoint ip ? ip.ToString() : ConnectionId;
}
