namespace LineServer.Transports.Epoll.Internal;

/// <summary>What becomes of accepting after an error.</summary>
internal enum AcceptOutcome
{
    /// <summary>Nothing waits in the backlog; an edge will come.</summary>
    Wait,

    /// <summary>This connection is lost; the next one may be there.</summary>
    Next,

    /// <summary>Try again later.</summary>
    BackOff,

    /// <summary>The socket no longer listens, and not by our own doing.</summary>
    Lost,

    /// <summary>Accepting was ended: by unbinding, or with the transport.</summary>
    End,
}
