using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>
/// What a system call does instead of itself. Static: each plan is a type, so each has its own state and its own
/// transport.
/// </summary>
internal interface IFaultPlan
{
    /// <summary>
    /// Not null: the call throws this, as no system call does. It stands for whatever may throw there: no memory left,
    /// a bug of ours.
    /// </summary>
    static virtual Exception? OnCall(FaultyCall call, int socket) => null;

    /// <summary>
    /// 0: the call is made. Otherwise it fails with this; after EAGAIN, the edge that the kernel owes is made to come.
    /// </summary>
    static abstract Errno OnReceive(int socket);

    static abstract Errno OnSend(int socket);

    static abstract Errno OnAccept();

    static abstract Errno OnWait();

    /// <summary>The most bytes to move; at least 1.</summary>
    static abstract nint Shorten(nint length);
}
