using System.Net.Sockets;
using System.Runtime.InteropServices;
using LineServer.Linux;

namespace LineServer.Client;

/// <summary>
/// System calls that neither .NET nor LineServer.Linux offers over safe handles. A safe handle keeps its
/// descriptor from being closed, and its number from being reused, during the call.
/// </summary>
internal static partial class Posix
{
    private const short PollIn = 1;
    private const nuint SiocOutQ = 0x5411;

    /// <summary>Reads available bytes; waits until there are any. Returns 0 at the end.</summary>
    /// <exception cref="IOException">The read failed; the message is the kernel's.</exception>
    public static int Read(SafeHandle descriptor, Span<byte> buffer)
    {
        while (true)
        {
            nint read = ReadCall(descriptor, buffer, (nuint)buffer.Length);
            if (read >= 0)
            {
                return (int)read;
            }

            WaitOrThrow(descriptor, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>True if a read would return at once, with bytes, the end or an error.</summary>
    public static bool IsReadable(SafeHandle descriptor) => Poll(descriptor, timeoutMs: 0);

    public static int UnsentBytes(SafeSocketHandle socket)
    {
        try
        {
            return IoctlCall(socket, SiocOutQ, out int unsent) == 0 ? unsent : 0;
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
    }

    /// <summary>Waits until the names in a folder are on the disk.</summary>
    /// <exception cref="IOException">They are not; the message is the kernel's.</exception>
    public static void SyncFolder(string path)
    {
        int descriptor = OpenCall(path, Libc.CloseOnExec);
        int result = descriptor < 0 ? -1 : SyncCall(descriptor);
        int error = Marshal.GetLastPInvokeError();
        if (descriptor >= 0)
        {
            _ = Libc.Close(descriptor);
        }

        if (result != 0)
        {
            throw new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    private static void WaitOrThrow(SafeHandle descriptor, int error)
    {
        switch ((Errno)error)
        {
            case Errno.EINTR:
                return;
            case Errno.EAGAIN: // a process that shares the descriptor made it non-blocking
                Poll(descriptor, timeoutMs: -1);
                return;
            default:
                throw new IOException(Marshal.GetPInvokeErrorMessage(error));
        }
    }

    private static unsafe bool Poll(SafeHandle descriptor, int timeoutMs)
    {
        var entry = new PollDescriptor { Descriptor = (int)descriptor.DangerousGetHandle(), Events = PollIn };
        return Libc.Poll(&entry, 1, timeoutMs) > 0;
    }

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadCall(SafeHandle descriptor, Span<byte> buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenCall(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncCall(int descriptor);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoctlCall(SafeHandle descriptor, nuint request, out int value);
}
