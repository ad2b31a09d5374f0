using System.Runtime.InteropServices;

namespace LineServer.Daemon;

/// <summary>Whether a path is a socket: .NET does not say.</summary>
internal static partial class SocketFile
{
    // <fcntl.h>, the same on x64 and arm64. Without O_NONBLOCK, opening a FIFO would wait for a writer.
    private const int ReadOnly = 0;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const int ENXIO = 6;
    private const int EACCES = 13;

    /// <summary>Whether the path, which exists, is a socket: that cannot be opened, and the reason is ENXIO: open(2).</summary>
    /// <returns>Null: this user may not know.</returns>
    public static bool? TryTell(string path)
    {
        int descriptor = Open(path, ReadOnly | NonBlocking | CloseOnExec);
        if (descriptor < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            return error == EACCES ? null : error == ENXIO;
        }

        _ = Close(descriptor);
        return false;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
