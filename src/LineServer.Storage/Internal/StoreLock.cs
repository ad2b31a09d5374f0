using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using LineServer.Linux;
using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Internal;

/// <summary>
/// The file LOCK, held for life: a store is one process's. The kernel releases it when the process ends, for whatever
/// reason.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class StoreLock : IDisposable
{
    private const string FileName = "LOCK";
    private const int OwnerWritesGroupReads = 0x1A0; // 0640

    private int _descriptor;

    private StoreLock(int descriptor) => _descriptor = descriptor;

    /// <exception cref="StoreException">Another process holds it.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static StoreLock Take(string directory)
    {
        string path = Path.Combine(directory, FileName);
        int descriptor = Libc.OpenOrCreate(path, OwnerWritesGroupReads);
        if (descriptor < 0)
        {
            throw LinuxStoreFiles.Error(path, (Errno)(-descriptor));
        }

        if (Libc.Lock(descriptor, Libc.LockExclusive | Libc.LockWithoutWaiting) == 0)
        {
            return new StoreLock(descriptor);
        }

        var error = (Errno)Marshal.GetLastSystemError();
        _ = Libc.Close(descriptor);
        throw error == Errno.EAGAIN
            ? new StoreException($"{directory} is in use by another process")
            : LinuxStoreFiles.Error(path, error);
    }

    public void Dispose()
    {
        int descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0)
        {
            _ = Libc.Close(descriptor);
        }
    }
}
