using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>
/// A socket that is bound to a file. It holds the path's lock from before the bind until after the close: a
/// socket that is bound but does not listen yet looks stale, and without the lock another starting process
/// would replace it. Dispose deletes the file if it is still this socket's; .NET's own socket would delete
/// whatever is at the path by then.
/// </summary>
internal sealed class UnixListenSocket : Socket
{
    private readonly string _path;
    private readonly FileIdentity? _file;
    private PathLock? _lock;

    private UnixListenSocket(SafeSocketHandle handle, string path, PathLock pathLock)
        : base(handle)
    {
        _path = path;
        _file = FileIdentity.OfPath(path);
        _lock = pathLock;
    }

    /// <summary>
    /// Binds to a path. A stale socket file is replaced; a live one, or a file that is not a socket, stays.
    /// </summary>
    /// <param name="path">An absolute path.</param>
    /// <param name="mode">The file's permissions; null leaves those that the umask gives.</param>
    /// <param name="group">The file's group; null keeps the process's group.</param>
    /// <exception cref="SocketException">The socket cannot be bound.</exception>
    public static UnixListenSocket Bind(string path, UnixFileMode? mode, uint? group)
    {
        PathLock pathLock = PathLock.Take(path);
        SafeSocketHandle? handle = null;
        try
        {
            var endPoint = new UnixDomainSocketEndPoint(path);
            RemoveStaleFile(path, endPoint);
            handle = BindHandle(endPoint);
            // Before listen(2), so that nobody connects with the wrong permissions.
            SetOwnership(path, mode, group);
            return new UnixListenSocket(handle, path, pathLock);
        }
        catch
        {
            if (handle is not null)
            {
                File.Delete(path);
                handle.Dispose();
            }

            pathLock.Dispose();
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        PathLock? pathLock = disposing ? Interlocked.Exchange(ref _lock, null) : null;
        // Compare while the socket is still open: as long as it is, the kernel does not reuse its inode.
        if (pathLock is not null && _file is not null && FileIdentity.OfPath(_path) == _file)
        {
            TryDelete(_path);
        }

        base.Dispose(disposing);
        pathLock?.Dispose();
    }

    private static void RemoveStaleFile(string path, UnixDomainSocketEndPoint endPoint)
    {
        if (FileIdentity.OfPath(path) is not { } file)
        {
            return;
        }

        // Check the type first: connect(2) gives ECONNREFUSED for a regular file too.
        if (!file.IsSocket)
        {
            throw new SocketFileException(SocketError.AddressAlreadyInUse, "the path exists and is not a socket");
        }

        switch (TryConnect(endPoint))
        {
            case Errno.ECONNREFUSED:
                // A killed process left it behind.
                File.Delete(path);
                break;
            case Errno.EACCES:
                throw new SocketFileException(
                    SocketError.AccessDenied, "the path exists, and this user may not connect to it");
            case Errno.ENOENT:
                break;
            default:
                // The connection succeeded, or the queue is full (EAGAIN): another process listens.
                throw new SocketFileException(SocketError.AddressAlreadyInUse, "another process listens on it");
        }
    }

    // Null: connected. Non-blocking, because a blocking connect waits for room in the accept queue: for ever,
    // if the owner has stopped accepting.
    private static unsafe Errno? TryConnect(UnixDomainSocketEndPoint endPoint)
    {
        using SafeSocketHandle probe = Open(Libc.NonBlocking);
        SocketAddress address = endPoint.Serialize();
        fixed (byte* start = address.Buffer.Span)
        {
            return Libc.Connect((int)probe.DangerousGetHandle(), start, address.Size) == 0
                ? null
                : (Errno)Marshal.GetLastSystemError();
        }
    }

    // By hand: a socket bound by .NET deletes the path when it is disposed.
    private static unsafe SafeSocketHandle BindHandle(UnixDomainSocketEndPoint endPoint)
    {
        SafeSocketHandle handle = Open(flags: 0);
        SocketAddress address = endPoint.Serialize();
        fixed (byte* start = address.Buffer.Span)
        {
            if (Libc.Bind((int)handle.DangerousGetHandle(), start, address.Size) == 0)
            {
                return handle;
            }
        }

        var error = (Errno)Marshal.GetLastSystemError();
        handle.Dispose();
        throw error switch
        {
            Errno.EADDRINUSE =>
                new SocketFileException(SocketError.AddressAlreadyInUse, "another process has taken the path"),
            Errno.EACCES or Errno.EROFS =>
                new SocketFileException(SocketError.AccessDenied, "permission denied: the directory is not writable"),
            Errno.ENOENT or Errno.ENOTDIR =>
                new SocketFileException(SocketError.AddressNotAvailable, "the directory does not exist"),
            _ => new SocketFileException(SocketError.SocketError, Marshal.GetPInvokeErrorMessage((int)error)),
        };
    }

    private static SafeSocketHandle Open(int flags)
    {
        int descriptor = Libc.Socket(Libc.AddressFamilyUnix, Libc.SocketStream | Libc.CloseOnExec | flags, 0);
        return descriptor >= 0
            ? new SafeSocketHandle(descriptor, ownsHandle: true)
            : throw new SocketFileException(SocketError.SocketError, Marshal.GetPInvokeErrorMessage(Marshal.GetLastSystemError()));
    }

    private static void SetOwnership(string path, UnixFileMode? mode, uint? group)
    {
        if (group is { } owner && Libc.ChangeGroup(path, owner) is var error && error != 0)
        {
            throw new SocketFileException(
                SocketError.AccessDenied, $"its group cannot be set: {Marshal.GetPInvokeErrorMessage(-error)}");
        }

        if (mode is { } permissions && OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(path, permissions);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The directory may have become read-only. The next start replaces the stale file.
        }
    }
}
