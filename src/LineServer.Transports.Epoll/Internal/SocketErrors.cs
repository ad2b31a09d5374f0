using System.Net.Sockets;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Each errno is classified here, once.</summary>
internal static class SocketErrors
{
    /// <summary>What becomes of accepting after an error of accept4(2).</summary>
    public static AcceptOutcome OnAccept(Errno error) => error switch
    {
        Errno.EAGAIN => AcceptOutcome.Wait,

        // That connection has ended already, or its network has; accept(2) says to try again.
        Errno.EINTR or Errno.ECONNABORTED or Errno.EPROTO or Errno.ENOPROTOOPT or Errno.EOPNOTSUPP or Errno.ENETDOWN or Errno.ENETUNREACH
            or Errno.EHOSTDOWN or Errno.EHOSTUNREACH or Errno.ENONET or Errno.ETIMEDOUT => AcceptOutcome.Next,

        // No descriptor or memory left, or a firewall's rule: waiting is all we can do.
        Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM or Errno.EPERM => AcceptOutcome.BackOff,

        // The socket was shut down (EINVAL), or its descriptor closed behind our back.
        Errno.EBADF or Errno.EINVAL or Errno.ENOTSOCK => AcceptOutcome.Lost,

        // The transport was disposed (EpollInstance.Register).
        Errno.ECANCELED => AcceptOutcome.End,

        // An unknown error is no reason to end for good.
        _ => AcceptOutcome.BackOff,
    };

    /// <summary>.NET's name of an error; its exception takes that, not the number.</summary>
    public static SocketError FromErrno(Errno error) => error switch
    {
        Errno.ECONNRESET => SocketError.ConnectionReset,
        Errno.EPIPE => SocketError.Shutdown,
        Errno.ETIMEDOUT => SocketError.TimedOut,
        Errno.ECONNREFUSED => SocketError.ConnectionRefused,
        Errno.ECONNABORTED => SocketError.ConnectionAborted,
        Errno.EHOSTUNREACH => SocketError.HostUnreachable,
        Errno.EHOSTDOWN => SocketError.HostDown,
        Errno.ENETUNREACH => SocketError.NetworkUnreachable,
        Errno.ENETDOWN => SocketError.NetworkDown,
        Errno.ENOBUFS or Errno.ENOMEM => SocketError.NoBufferSpaceAvailable,
        Errno.EMFILE or Errno.ENFILE => SocketError.TooManyOpenSockets,
        Errno.ENOTCONN => SocketError.NotConnected,
        Errno.EINVAL => SocketError.InvalidArgument,
        Errno.EACCES => SocketError.AccessDenied,
        Errno.EPERM => SocketError.AccessDenied,
        Errno.ENOENT => SocketError.AddressNotAvailable,
        Errno.EADDRNOTAVAIL => SocketError.AddressNotAvailable,
        Errno.EAGAIN => SocketError.TryAgain,
        Errno.ECANCELED => SocketError.OperationAborted,
        _ => SocketError.SocketError,
    };
}
