using System.Buffers;
using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Hosting;

/// <summary>A connection, as its handler and others see it.</summary>
public abstract class LineConnection
{
    private protected LineConnection(ConnectionContext context) => Context = context;

    internal ConnectionContext Context { get; }

    /// <summary>The connection's name in logs, as Kestrel gives it.</summary>
    public string ConnectionId => Context.ConnectionId;

    /// <summary>The client's address; null or empty for a Unix socket.</summary>
    public EndPoint? RemoteEndPoint => Context.RemoteEndPoint;

    /// <summary>The address that the client connected to.</summary>
    public EndPoint? LocalEndPoint => Context.LocalEndPoint;

    /// <summary>Who the client is, where connection middleware has found out (from a TLS client certificate, for instance).</summary>
    public ClaimsPrincipal? User => Features.Get<IConnectionUserFeature>()?.User;

    /// <summary>What the transport and the connection middleware offer.</summary>
    public IFeatureCollection Features => Context.Features;

    /// <summary>A place for what belongs to the connection, shared with connection middleware.</summary>
    public IDictionary<object, object?> Items => Context.Items;

    /// <summary>Cancelled when the connection is lost, or the server no longer waits for it. A client's half-close cancels nothing.</summary>
    public abstract CancellationToken Aborted { get; }

    /// <summary>Why the connection ended, or is ending; <see cref="CloseReason.None"/> while it goes on.</summary>
    public abstract CloseReason CloseReason { get; }

    /// <summary>
    /// Stages a line to this connection, from any thread, at any time. It goes into a bounded mailbox, which the connection's own loop
    /// empties: in the order of the pushes, between replies, also while a handler waits.
    /// </summary>
    /// <param name="line">The line, without its terminator; it is copied.</param>
    /// <returns>False if the mailbox is full (see <see cref="LineOptions.MailboxFullBehavior"/>) or the connection has ended.</returns>
    /// <exception cref="ArgumentException">The line holds the connection's delimiter.</exception>
    public abstract bool TryPush(ReadOnlySpan<byte> line);

    /// <summary>Closes in order: no further line is given, what was staged is sent, then FIN. Returns at once.</summary>
    public abstract void Close();

    /// <summary>Closes now; what was staged and not sent is lost.</summary>
    public abstract void Abort();

    /// <summary>
    /// For <see cref="LineHandler"/>: sends what was staged so far, and waits until the client's reading leaves room for more.
    /// </summary>
    /// <exception cref="OperationCanceledException">The connection has ended.</exception>
    /// <exception cref="InvalidOperationException">
    /// The call does not come from within <see cref="LineHandler.OnLineAsync"/>, or the handler has not awaited the last one.
    /// </exception>
    public abstract ValueTask FlushAsync();

    /// <summary>
    /// For <see cref="LineHandler"/>: takes exactly <paramref name="count"/> bytes from behind the current line, whatever they are. The
    /// line is void afterwards; the payload is valid until the next call, or until the task of the handler ends.
    /// </summary>
    /// <exception cref="EndOfStreamException">The client ended the stream before.</exception>
    /// <exception cref="OperationCanceledException">The connection has ended.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="count"/> is negative or more than <see cref="LineLimits.MaxReadBufferSize"/>: ask for a large payload in parts.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The call does not come from within <see cref="LineHandler.OnLineAsync"/>, or the handler has not awaited the last one.
    /// </exception>
    public abstract ValueTask<ReadOnlySequence<byte>> ReadPayloadAsync(int count);

    /// <inheritdoc/>
    public override string ToString() => RemoteEndPoint is IPEndPoint ip ? ip.ToString() : ConnectionId;
}
