using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>Sockets that are bound and do not listen yet: of an IP address, of a Unix socket's name, or passed by another process.</summary>
internal static class BoundSocket
{
    /// <summary>Binds to an address and port; <c>[::]</c> takes IPv4 too.</summary>
    /// <exception cref="SocketException">It cannot be bound.</exception>
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

    /// <summary>Binds to a path, or to an abstract name, which makes no file: unix(7).</summary>
    /// <param name="endPoint">Where.</param>
    /// <param name="mode">The file's permissions; null leaves what the umask left.</param>
    /// <param name="group">The file's group; null is the process's own.</param>
    /// <exception cref="SocketException">It cannot be bound.</exception>
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

    /// <summary>A socket that another process has bound and passed; the caller owns it from now on.</summary>
    public static Socket OfDescriptor(int descriptor) => new(new SafeSocketHandle(descriptor, ownsHandle: true));

    /// <summary>Why a passed descriptor cannot be accepted on; null if it can.</summary>
    public static unsafe string? ProblemOf(int descriptor)
    {
        int type = 0;
        int length = sizeof(int);
        if (Libc.GetSocketOption(descriptor, Libc.LevelSocket, Libc.OptionType, &type, &length) == 0)
        {
            return type == Libc.SocketStream ? null : $"descriptor {descriptor} is no stream socket";
        }

        var error = (Errno)Marshal.GetLastSystemError();
        return error switch
        {
            Errno.ENOTSOCK => $"descriptor {descriptor} is no socket",
            Errno.EBADF => $"descriptor {descriptor} is not open",
            _ => $"descriptor {descriptor}: {Marshal.GetPInvokeErrorMessage((int)error)}",
        };
    }
}
