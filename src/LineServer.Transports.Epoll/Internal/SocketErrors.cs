using System.Net.Sockets;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The one place that classifies errno values.</summary>
internal static class SocketErrors
{
    /// <summary>What to do after accept4(2) failed.</summary>
    public static AcceptOutcome OnAccept(Errno error) => error switch
    {
        Errno.EAGAIN => AcceptOutcome.Wait,

        // That connection, or its network, is gone already; accept(2) says to try again.
        Errno.EINTR or Errno.ECONNABORTED or Errno.EPROTO or Errno.ENOPROTOOPT or Errno.EOPNOTSUPP or Errno.ENETDOWN or Errno.ENETUNREACH
            or Errno.EHOSTDOWN or Errno.EHOSTUNREACH or Errno.ENONET or Errno.ETIMEDOUT => AcceptOutcome.Next,

        // No descriptor or memory left, or a firewall rule: waiting is all we can do.
        Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM or Errno.EPERM => AcceptOutcome.BackOff,

        // Someone else shut down the socket (EINVAL) or closed its descriptor.
        Errno.EBADF or Errno.EINVAL or Errno.ENOTSOCK => AcceptOutcome.Lost,

        // The loop is ending: EpollInstance.Register refused the connection.
        Errno.ECANCELED => AcceptOutcome.End,

        // An unknown error is no reason to stop accepting for good.
        _ => AcceptOutcome.BackOff,
    };

    /// <summary>Maps to .NET's error, which SocketException takes in place of the number.</summary>
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
