namespace LineServer.Hosting.Internal;

/// <summary>
/// The progress of a connection. The states are ordered: a connection only ever moves to a later one.
/// </summary>
/// <remarks>
/// <code>
///            drain        close       abort, lost   the loop, last
/// Open     → Draining   → Closing   → Lost
/// Draining              → Closing   → Lost
/// Closing                           → Lost        → Ended
/// Lost                                            → Ended
/// </code>
/// A transition that comes too late changes nothing: a drain while the connection closes, or anything after
/// the end.
/// </remarks>
internal enum ConnectionState
{
    /// <summary>The loop reads lines and passes them to the handler.</summary>
    Open,

    /// <summary>The handler gets what was received, and one more read if it completes at once.</summary>
    Draining,

    /// <summary>The handler gets no further line. Staged replies are sent.</summary>
    Closing,

    /// <summary>Nothing can be sent anymore.</summary>
    Lost,

    /// <summary>
    /// The loop has ended the connection. Only <see cref="LineHandlerBase.OnDisconnectedAsync"/> and disposal
    /// follow.
    /// </summary>
    Ended,
}
