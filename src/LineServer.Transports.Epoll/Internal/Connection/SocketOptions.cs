using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The options of a TCP socket: tcp(7), socket(7).</summary>
internal static unsafe class SocketOptions
{
    // <netinet/tcp.h>, <asm-generic/socket.h>.
    private const int SocketKeepAlive = 9;
    private const int TcpNoDelay = 1;
    private const int TcpKeepIdle = 4;
    private const int TcpKeepInterval = 5;
    private const int TcpKeepCount = 6;

    /// <exception cref="SocketException">The kernel rejects an option.</exception>
    public static void Apply(int socket, EpollTransportOptions options)
    {
        if (options.NoDelay)
        {
            Set(socket, Libc.LevelTcp, TcpNoDelay, 1);
        }

        if (options.KeepAliveTime is { } time)
        {
            Set(socket, Libc.LevelSocket, SocketKeepAlive, 1);
            Set(socket, Libc.LevelTcp, TcpKeepIdle, (int)time.TotalSeconds);
            if (options.KeepAliveInterval is { } interval)
            {
                Set(socket, Libc.LevelTcp, TcpKeepInterval, (int)interval.TotalSeconds);
            }

            if (options.KeepAliveRetryCount is { } count)
            {
                Set(socket, Libc.LevelTcp, TcpKeepCount, count);
            }
        }

        if (options.UserTimeout is { } userTimeout)
        {
            Set(socket, Libc.LevelTcp, Libc.TcpUserTimeout, (int)Math.Min(userTimeout.TotalMilliseconds, int.MaxValue));
        }
    }

    private static void Set(int socket, int level, int name, int value)
    {
        if (Libc.SetSocketOption(socket, level, name, &value, sizeof(int)) != 0)
        {
            throw new SocketException((int)SocketErrors.FromErrno((Errno)Marshal.GetLastSystemError()));
        }
    }
}
