namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// What <see cref="SocketConnection{TCalls}.Enter"/> returns and <see cref="SocketConnection{TCalls}.Exit"/>
/// takes.
/// </summary>
internal enum Use
{
    /// <summary>The descriptor is closed or about to be: make no system call, and do not exit.</summary>
    None,

    /// <summary>The caller is the loop, which closes the descriptor itself, so nothing is counted.</summary>
    OnLoop,

    /// <summary>
    /// The caller is another thread: the loop closes the descriptor after the last such use has exited.
    /// </summary>
    Counted,
}
