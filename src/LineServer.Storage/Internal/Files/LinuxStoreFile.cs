using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using LineServer.Linux;
using Microsoft.Win32.SafeHandles;

namespace LineServer.Storage.Internal.Files;

/// <summary>An open file of <see cref="LinuxStoreFiles"/>.</summary>
[SupportedOSPlatform("linux")]
internal sealed class LinuxStoreFile(SafeFileHandle handle, string path) : IStoreFile
{
    private const uint SyncFileRangeWrite = 2;

    public long Length => RandomAccess.GetLength(handle);

    public int Read(Span<byte> buffer, long offset)
    {
        int total = 0;
        while (total < buffer.Length)
        {
            int read = RandomAccess.Read(handle, buffer[total..], offset + total);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return total;
    }

    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset)
    {
        try
        {
            if (buffers.Count == 1)
            {
                // The usual case of a segment. The call for several allocates, each time.
                RandomAccess.Write(handle, buffers[0].Span, offset);
            }
            else
            {
                RandomAccess.Write(handle, buffers, offset);
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new IOException($"{path}: {e.Message}", e);
        }
    }

    public void SetLength(long length)
    {
        try
        {
            RandomAccess.SetLength(handle, length);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}: {e.Message}", e);
        }
    }

    // .NET's FlushToDisk is fsync, which also writes times to the disk.
    public void Sync()
    {
        if (Libc.SyncData(handle.DangerousGetHandle().ToInt32()) != 0)
        {
            throw LinuxStoreFiles.Error(path, (Errno)Marshal.GetLastSystemError());
        }
    }

    public void BeginWriteBack(long offset, long length) =>
        _ = Libc.SyncRange(handle.DangerousGetHandle().ToInt32(), offset, length, SyncFileRangeWrite);

    public void Dispose() => handle.Dispose();
}
