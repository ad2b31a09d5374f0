namespace LineServer.Transports.Epoll.Internal;

/// <summary>What becomes of accepting after an error.</summary>
internal enum AcceptOutcome
{
    /// <summary>Nothing waits in the backlog; an edge will come.</summary>
    Wait,

    /// <summary>That connection was none; the next one may be.</summary>
    Next,

    /// <summary>Later.</summary>
    BackOff,

    /// <summary>Never again.</summary>
    End,
}
