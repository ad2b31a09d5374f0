using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>
/// Exclusive ownership of a path: flock(2) on <c>PATH.lock</c>. The kernel releases the lock when the process
/// ends, for whatever reason, so a leftover lock file blocks nobody.
/// </summary>
internal sealed class PathLock : IDisposable
{
    private const int OwnerOnly = 0x180; // 0600

    private readonly string _file;
    private int _descriptor;

    private PathLock(string file, int descriptor)
    {
        _file = file;
        _descriptor = descriptor;
    }

    /// <summary>Takes the lock without waiting.</summary>
    /// <exception cref="SocketFileException">
    /// Another process holds the lock, or the lock file cannot be created.
    /// </exception>
    public static PathLock Take(string path)
    {
        string file = $"{path}.lock";
        while (true)
        {
            int descriptor = Libc.OpenOrCreate(file, OwnerOnly);
            if (descriptor < 0)
            {
                throw CannotOpen(file, (Errno)(-descriptor));
            }

            if (Libc.Lock(descriptor, Libc.LockExclusive | Libc.LockWithoutWaiting) != 0)
            {
                var error = (Errno)Marshal.GetLastSystemError();
                _ = Libc.Close(descriptor);
                throw error == Errno.EAGAIN
                    ? new SocketFileException(SocketError.AddressAlreadyInUse, "another process listens on it")
                    : new SocketFileException(SocketError.SocketError, $"{file}: {Marshal.GetPInvokeErrorMessage((int)error)}");
            }

            // The last owner may have deleted the file between our open and our lock. Then we hold a lock on
            // a file that nobody else can find.
            if (IsAt(file, descriptor))
            {
                return new PathLock(file, descriptor);
            }

            _ = Libc.Close(descriptor);
        }
    }

    /// <summary>
    /// Deletes the lock file, if it is still this lock's, and then releases the lock. A process that opened
    /// the file before sees in <see cref="Take"/> that the file is gone.
    /// </summary>
    public void Dispose()
    {
        int descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0)
        {
            if (IsAt(_file, descriptor))
            {
                File.Delete(_file);
            }

            _ = Libc.Close(descriptor);
        }
    }

    private static bool IsAt(string file, int descriptor) =>
        FileIdentity.OfDescriptor(descriptor) is { } locked && FileIdentity.OfPath(file) == locked;

    private static SocketFileException CannotOpen(string file, Errno error) => error switch
    {
        Errno.ENOENT or Errno.ENOTDIR => new(SocketError.AddressNotAvailable, "the directory does not exist"),
        Errno.EACCES or Errno.EPERM when FileIdentity.OfPath(file) is not null =>
            new(SocketError.AccessDenied, $"permission denied: {file} belongs to another user"),
        Errno.EACCES or Errno.EPERM or Errno.EROFS =>
            new(SocketError.AccessDenied, "permission denied: the directory is not writable"),
        _ => new(SocketError.SocketError, $"{file}: {Marshal.GetPInvokeErrorMessage((int)error)}"),
    };
}
