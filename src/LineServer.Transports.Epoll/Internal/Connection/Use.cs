namespace LineServer.Transports.Epoll.Internal;

/// <summary>What <see cref="SocketConnection{TCalls}.Enter"/> grants; given to <see cref="SocketConnection{TCalls}.Exit"/>.</summary>
internal enum Use
{
    /// <summary>The descriptor is closed, or about to be: no call, and no exit.</summary>
    None,

    /// <summary>By the loop itself, which closes the descriptor: nothing is counted.</summary>
    OnLoop,

    /// <summary>By another thread: the loop closes when the last of these has left.</summary>
    Counted,
}
