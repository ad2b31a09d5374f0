namespace LineServer.Transports.Epoll.Internal;

/// <summary>What the accept loop does next.</summary>
internal enum AcceptOutcome
{
    /// <summary>The backlog is empty; wait for an edge.</summary>
    Wait,

    /// <summary>This connection is lost; try the next one.</summary>
    Next,

    /// <summary>Try again later.</summary>
    BackOff,

    /// <summary>The socket no longer listens, and we did not cause it.</summary>
    Lost,

    /// <summary>Accepting has ended, by unbinding or with the transport.</summary>
    End,
}
