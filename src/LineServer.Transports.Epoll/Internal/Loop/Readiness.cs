namespace LineServer.Transports.Epoll.Internal;

/// <summary>What an edge has made ready to run.</summary>
internal enum Readiness
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>An awaiter. It runs when all of the group have received.</summary>
    InGroup,

    /// <summary>
    /// An awaiter with a large read. It runs at once: its bytes would leave the core's caches while others receive.
    /// </summary>
    AtOnce,
}
