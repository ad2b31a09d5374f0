namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// The system calls on the data path. Everything that makes them takes this as a struct type parameter: the
/// JIT inlines the calls, and tests inject faults. Each method returns the result of the system call, or
/// −errno instead of −1.
/// </summary>
internal unsafe interface ISystemCalls
{
    /// <summary>recv(2).</summary>
    static abstract nint Receive(int socket, byte* buffer, nint length);

    /// <summary>send(2), without SIGPIPE.</summary>
    static abstract nint Send(int socket, byte* buffer, nint length);

    /// <summary>sendmsg(2), without SIGPIPE: up to <see cref="IoVector.MaxCount"/> pieces at once.</summary>
    static abstract nint SendMessage(int socket, IoVector* pieces, int count);

    /// <summary>accept4(2): the new descriptor is non-blocking and close-on-exec.</summary>
    static abstract int Accept(int listener, byte* address, ref int addressLength);

    /// <summary>epoll_wait(2).</summary>
    static abstract int Wait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds);
}
