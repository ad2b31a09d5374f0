namespace LineServer.Hosting;

/// <summary>Why a connection ended. The first cause wins, and stays.</summary>
public enum CloseReason
{
    /// <summary>It has not ended.</summary>
    None,

    /// <summary>The client sent FIN; every line was handled and every reply flushed.</summary>
    PeerClosed,

    /// <summary>The client, or the network, reset the connection. Replies that had not been sent are lost.</summary>
    PeerReset,

    /// <summary>The handler asked for it: <see cref="LineConnection.Close"/>.</summary>
    HandlerClosed,

    /// <summary>The handler threw.</summary>
    HandlerError,

    /// <summary><see cref="LineConnection.Abort"/>, or a second signal to the daemon.</summary>
    Aborted,

    /// <summary>A line was longer than <see cref="LineLimits.MaxLineSize"/>.</summary>
    LineTooLong,

    /// <summary>A line did not end within <see cref="LineLimits.LineTimeout"/>.</summary>
    LineTimeout,

    /// <summary>The first line was not complete within <see cref="LineLimits.FirstLineTimeout"/>.</summary>
    FirstLineTimeout,

    /// <summary>Nothing came or went for <see cref="LineLimits.IdleTimeout"/>.</summary>
    IdleTimeout,

    /// <summary>The client did not read its replies for <see cref="LineLimits.SendTimeout"/>.</summary>
    SendTimeout,

    /// <summary>The handler worked longer than <see cref="LineLimits.HandlerTimeout"/>.</summary>
    HandlerTimeout,

    /// <summary><see cref="ConnectionLimits.MaxConcurrentConnections"/>.</summary>
    TooManyConnections,

    /// <summary><see cref="ConnectionLimits.MaxConcurrentConnectionsPerPeer"/>.</summary>
    TooManyConnectionsPerPeer,

    /// <summary><see cref="ConnectionLimits.MaxConnectionsPerSecond"/>.</summary>
    TooManyConnectionsPerSecond,

    /// <summary><see cref="ConnectionLimits.MaxConnectionsPerSecondPerPeer"/>.</summary>
    TooManyConnectionsPerSecondPerPeer,

    /// <summary>The mailbox was full and <see cref="MailboxFullBehavior.Close"/> is set.</summary>
    MailboxFull,

    /// <summary>
    /// All connections together held more than <see cref="ConnectionServerOptions.MaxTotalBufferSize"/>, and this one was among those
    /// that held most.
    /// </summary>
    BufferLimit,

    /// <summary>The server is stopping; what was received has been handled.</summary>
    Drain,

    /// <summary>The server is stopping, and the connection had not ended by <see cref="LineLimits.DrainTimeout"/>.</summary>
    DrainTimeout,
}
