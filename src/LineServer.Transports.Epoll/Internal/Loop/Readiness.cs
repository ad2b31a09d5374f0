namespace LineServer.Transports.Epoll.Internal;

/// <summary>What an edge has made ready.</summary>
internal enum Readiness
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>An awaiter, which runs after the whole group has received.</summary>
    InGroup,

    /// <summary>
    /// An awaiter with a large read. It runs at once, before other receives push its bytes out of the core's
    /// caches.
    /// </summary>
    AtOnce,
}
