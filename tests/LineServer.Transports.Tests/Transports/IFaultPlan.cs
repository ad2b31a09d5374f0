using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>What a system call shall do instead of itself. Static: each plan is a type, so each has its own state and its own transport.</summary>
internal interface IFaultPlan
{
    /// <summary>0: the call is made. Otherwise it fails so; after EAGAIN the edge that the kernel owes is made to come.</summary>
    static abstract Errno OnReceive(int socket);

    static abstract Errno OnSend(int socket);

    static abstract Errno OnAccept();

    static abstract Errno OnWait();

    /// <summary>At most as many bytes are moved; at least 1.</summary>
    static abstract nint Shorten(nint length);
}
