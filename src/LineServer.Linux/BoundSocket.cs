using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>
/// Makes sockets that are bound but do not listen yet: to an IP address, to a Unix socket's name, or from a
/// descriptor that another process passed.
/// </summary>
internal static class BoundSocket
{
    /// <summary>Binds to an address and port. <c>[::]</c> accepts IPv4 as well.</summary>
    /// <exception cref="SocketException">The socket cannot be bound.</exception>
    public static Socket OfAddress(IPEndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (endPoint.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Binds to a path, or to an abstract name, which creates no file: unix(7).</summary>
    /// <param name="endPoint">The path or abstract name.</param>
    /// <param name="mode">The file's permissions; null leaves those that the umask gives.</param>
    /// <param name="group">The file's group; null keeps the process's group.</param>
    /// <exception cref="SocketException">The socket cannot be bound.</exception>
    public static Socket OfName(UnixDomainSocketEndPoint endPoint, UnixFileMode? mode = null, uint? group = null)
    {
        string name = endPoint.ToString();
        if (name.Length > 0 && name[0] != '@')
        {
            return UnixListenSocket.Bind(Path.GetFullPath(name), mode, group);
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(endPoint);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Wraps a socket that another process bound and passed. The caller owns it from now on.
    /// </summary>
    public static Socket OfDescriptor(int descriptor) => new(new SafeSocketHandle(descriptor, ownsHandle: true));

    /// <summary>Why accept cannot work on a passed descriptor; null if it can.</summary>
    public static unsafe string? ProblemOf(int descriptor)
    {
        int type = 0;
        int length = sizeof(int);
        if (Libc.GetSocketOption(descriptor, Libc.LevelSocket, Libc.OptionType, &type, &length) == 0)
        {
            return type == Libc.SocketStream ? null : $"descriptor {descriptor} is not a stream socket";
        }

        var error = (Errno)Marshal.GetLastSystemError();
        return error switch
        {
            Errno.ENOTSOCK => $"descriptor {descriptor} is not a socket",
            Errno.EBADF => $"descriptor {descriptor} is not open",
            _ => $"descriptor {descriptor}: {Marshal.GetPInvokeErrorMessage((int)error)}",
        };
    }
}
