namespace LineServer.Transports.Epoll.Internal;

/// <summary>What became of an attempt to receive.</summary>
internal enum ReceiveOutcome
{
    /// <summary>Nothing is there; an edge will come.</summary>
    Nothing,

    /// <summary>Bytes, the end of the stream, or an error.</summary>
    Received,

    /// <summary>Something is there, and the connection has had its share of this iteration.</summary>
    Postponed,
}
