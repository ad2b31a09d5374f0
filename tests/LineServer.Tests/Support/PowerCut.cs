using System.ComponentModel;
using System.Runtime.InteropServices;

namespace LineServer.Tests.Support;

/// <summary>Shuts a file system down without flushing it, as a machine that loses its power does.</summary>
internal static partial class PowerCut
{
    // From linux/fs.h and the file systems' own headers: FS_IOC_SHUTDOWN, FSOP_GOING_FLAGS_NOLOGFLUSH.
    private const nuint Shutdown = 0x8004587d;
    private const uint WithoutFlush = 2;

    /// <summary>Cuts the power of a mounted file system. Its files give errors until it is unmounted.</summary>
    public static void Cut(string mountPoint)
    {
        int descriptor = Open(mountPoint, 0);
        uint flags = WithoutFlush;
        int result = descriptor < 0 ? -1 : Control(descriptor, Shutdown, ref flags);
        int error = Marshal.GetLastPInvokeError();
        if (descriptor >= 0)
        {
            _ = Close(descriptor);
        }

        if (result != 0)
        {
            throw new Win32Exception(error);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Control(int descriptor, nuint request, ref uint flags);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
