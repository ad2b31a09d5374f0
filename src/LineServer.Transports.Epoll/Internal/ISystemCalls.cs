namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// The system calls on the way of a byte. A struct type parameter of everything that makes them: the JIT compiles the
/// calls in place, and a test puts faults there. Each returns what the system call returns, and −errno in place of −1.
/// </summary>
internal unsafe interface ISystemCalls
{
    /// <summary>recv(2).</summary>
    static abstract nint Receive(int socket, byte* buffer, nint length);

    /// <summary>send(2), without SIGPIPE.</summary>
    static abstract nint Send(int socket, byte* buffer, nint length);

    /// <summary>sendmsg(2), without SIGPIPE: several pieces at once, at most <see cref="IoVector.MaxCount"/>.</summary>
    static abstract nint SendMessage(int socket, IoVector* pieces, int count);

    /// <summary>accept4(2): the new descriptor does not block, and is closed on exec.</summary>
    static abstract int Accept(int listener, byte* address, ref int addressLength);

    /// <summary>epoll_wait(2).</summary>
    static abstract int Wait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds);
}
