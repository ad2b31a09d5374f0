namespace LineServer.Transports.Epoll.Internal;

/// <summary>Error numbers of &lt;asm-generic/errno.h&gt;: the same on x64 and arm64.</summary>
internal enum Errno
{
    EPERM = 1,
    ENOENT = 2,
    EINTR = 4,
    ENXIO = 6,
    EBADF = 9,
    EAGAIN = 11,
    ENOMEM = 12,
    EINVAL = 22,
    ENFILE = 23,
    EMFILE = 24,
    EPIPE = 32,
    EPROTO = 71,
    ENOTSOCK = 88,
    ENOPROTOOPT = 92,
    EOPNOTSUPP = 95,
    ENETDOWN = 100,
    ENETUNREACH = 101,
    ECONNABORTED = 103,
    ECONNRESET = 104,
    ENOBUFS = 105,
    ENOTCONN = 107,
    ETIMEDOUT = 110,
    ECONNREFUSED = 111,
    EHOSTDOWN = 112,
    EHOSTUNREACH = 113,
    EINPROGRESS = 115,
    ENONET = 64,
}
