namespace LineServer.Hosting;

/// <summary>
/// Why a connection ended. The first cause wins and is never replaced, except <see cref="Drain"/> by
/// <see cref="DrainTimeout"/>.
/// </summary>
public enum CloseReason
{
    /// <summary>The connection has not ended.</summary>
    None,

    /// <summary>The client sent FIN. Every line was handled and every reply was flushed.</summary>
    PeerClosed,

    /// <summary>
    /// The client reset the connection, or the network lost it: a keep-alive probe, or replies while the server waited for
    /// lines, stayed unacknowledged. Replies not yet sent are lost.
    /// </summary>
    PeerReset,

    /// <summary>The handler called <see cref="LineConnection.Close"/>.</summary>
    HandlerClosed,

    /// <summary>The handler threw.</summary>
    HandlerError,

    /// <summary><see cref="LineConnection.Abort"/> was called, or the daemon got a second signal.</summary>
    Aborted,

    /// <summary>A line exceeded <see cref="LineLimits.MaxLineSize"/>.</summary>
    LineTooLong,

    /// <summary>A message had no valid count under <see cref="Framing.FramingMode.OctetCounted"/>.</summary>
    FramingError,

    /// <summary>A line did not arrive whole within <see cref="LineLimits.LineTimeout"/>.</summary>
    LineTimeout,

    /// <summary>
    /// The first line did not arrive whole within <see cref="LineLimits.FirstLineTimeout"/>.
    /// </summary>
    FirstLineTimeout,

    /// <summary>Nothing was sent or received for <see cref="LineLimits.IdleTimeout"/>.</summary>
    IdleTimeout,

    /// <summary>
    /// The client did not read its replies for <see cref="LineLimits.SendTimeout"/>. The kernel may notice it first
    /// (TCP_USER_TIMEOUT: tcp(7)).
    /// </summary>
    SendTimeout,

    /// <summary>The handler exceeded <see cref="LineLimits.HandlerTimeout"/>.</summary>
    HandlerTimeout,

    /// <summary>Refused: <see cref="ConnectionLimits.MaxConcurrentConnections"/>.</summary>
    TooManyConnections,

    /// <summary>Refused: <see cref="ConnectionLimits.MaxConcurrentConnectionsPerPeer"/>.</summary>
    TooManyConnectionsPerPeer,

    /// <summary>Refused: <see cref="ConnectionLimits.MaxConnectionsPerSecond"/>.</summary>
    TooManyConnectionsPerSecond,

    /// <summary>Refused: <see cref="ConnectionLimits.MaxConnectionsPerSecondPerPeer"/>.</summary>
    TooManyConnectionsPerSecondPerPeer,

    /// <summary>The mailbox was full under <see cref="MailboxFullBehavior.Close"/>.</summary>
    MailboxFull,

    /// <summary>
    /// All connections together exceeded <see cref="ConnectionServerOptions.MaxTotalBufferSize"/>, and this
    /// one held among the most.
    /// </summary>
    BufferLimit,

    /// <summary>The server is stopping. All that was received has been handled.</summary>
    Drain,

    /// <summary>
    /// The server is stopping, and the connection had not ended after <see cref="LineLimits.DrainTimeout"/>.
    /// </summary>
    DrainTimeout,
}
