using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>From an endpoint to a socket that is bound to it.</summary>
internal static class ListenSocket
{
    public static Socket Bind(EndPoint endpoint, UnixFileMode? mode)
    {
        switch (endpoint)
        {
            case FileHandleEndPoint inherited:
                return new Socket(new SafeSocketHandle((nint)inherited.FileHandle, ownsHandle: true));
            case UnixDomainSocketEndPoint unix:
                return BindFile(unix, mode);
            case IPEndPoint ip:
                var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                if (ip.Address.Equals(IPAddress.IPv6Any))
                {
                    socket.DualMode = true;
                }

                return BindOrDispose(socket, ip);
            default:
                throw new NotSupportedException($"The epoll transport listens on IP, Unix domain and inherited sockets, not on {endpoint.GetType().Name}.");
        }
    }

    private static Socket BindFile(UnixDomainSocketEndPoint endpoint, UnixFileMode? mode)
    {
        string path = endpoint.ToString();
        bool isFile = path.Length > 0 && path[0] != '@'; // the abstract namespace has no files: unix(7)
        if (isFile)
        {
            RemoveStaleFile(endpoint, path);
        }

        Socket socket = BindOrDispose(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), endpoint);
        if (isFile && mode is { } permissions && !OperatingSystem.IsWindows())
        {
            // Before listen(2): until then nobody can connect.
            File.SetUnixFileMode(path, permissions);
        }

        return socket;
    }

    // A socket file outlives its process. Only a refused connection proves that nobody listens; and connect(2) refuses a regular file as well,
    // which is not ours to delete.
    private static void RemoveStaleFile(UnixDomainSocketEndPoint endpoint, string path)
    {
        if (!Path.Exists(path) || !IsSocket(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
        }
        catch (SocketException)
        {
            // Not to be told: bind(2) says what is wrong.
        }
    }

    // open(2) fails with ENXIO on a socket, whoever asks; .NET's File knows no such kind.
    private static bool IsSocket(string path)
    {
        try
        {
            return !File.GetAttributes(path).HasFlag(FileAttributes.Directory) && !CanOpen(path);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static bool CanOpen(string path)
    {
        int descriptor = Libc.Open(path);
        if (descriptor < 0)
        {
            return descriptor != -(int)Errno.ENXIO;
        }

        _ = Libc.Close(descriptor);
        return true;
    }

    private static Socket BindOrDispose(Socket socket, EndPoint endpoint)
    {
        try
        {
            socket.Bind(endpoint);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
