namespace LineServer.Hosting.Internal;

/// <summary>How far a connection has come. The order counts: a connection only ever goes on to a later state.</summary>
/// <remarks>
/// <code>
///            drain        close       abort, lost   the loop, last
/// Open     → Draining   → Closing   → Lost
/// Draining              → Closing   → Lost
/// Closing                           → Lost        → Ended
/// Lost                                            → Ended
/// </code>
/// What comes too late (a drain of a connection that is closing, anything after the end) changes nothing.
/// </remarks>
internal enum ConnectionState
{
    /// <summary>Lines are read and given to the handler.</summary>
    Open,

    /// <summary>What was received, and one more read that is there at once, is given to the handler.</summary>
    Draining,

    /// <summary>No further line is given. What was staged is sent.</summary>
    Closing,

    /// <summary>Nothing can be sent any more.</summary>
    Lost,

    /// <summary>The loop has ended the connection; only <see cref="LineHandlerBase.OnDisconnectedAsync"/> and the disposal follow.</summary>
    Ended,
}
