namespace LineServer.Transports.Epoll.Internal;

/// <summary>The outcome of an attempt to receive.</summary>
internal enum ReceiveOutcome
{
    /// <summary>Nothing has arrived; an edge will follow.</summary>
    Nothing,

    /// <summary>There is a result: bytes, the end of the stream, or an error.</summary>
    Received,

    /// <summary>There may be more, but the connection has used up its budget for this iteration.</summary>
    Postponed,
}
