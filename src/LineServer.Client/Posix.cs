using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LineServer.Client;

/// <summary>
/// The few system calls that .NET has no right shape for. Its console stream swallows EPIPE, and its file stream writes
/// with pwrite(2): standard output and standard error would overwrite each other in <c>&gt; file 2&gt;&amp;1</c>.
/// </summary>
internal static partial class Posix
{
    private const int Eintr = 4;
    private const int Eagain = 11;
    private const short PollIn = 1;
    private const short PollOut = 4;
    private const nuint SiocOutQ = 0x5411;

    /// <summary>Reads what is there, waiting for it; 0 at the end.</summary>
    /// <exception cref="IOException">With the kernel's text.</exception>
    public static int Read(SafeHandle descriptor, Span<byte> buffer)
    {
        while (true)
        {
            nint read = ReadCall(descriptor, buffer, (nuint)buffer.Length);
            if (read >= 0)
            {
                return (int)read;
            }

            WaitOrThrow(descriptor, PollIn, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Writes all of <paramref name="bytes"/>, waiting while the reader is slow.</summary>
    /// <exception cref="IOException">With the kernel's text: Broken pipe, No space left on device…</exception>
    public static void Write(SafeHandle descriptor, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            nint written = WriteCall(descriptor, bytes, (nuint)bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }

            WaitOrThrow(descriptor, PollOut, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Whether a read would return at once, be it with bytes, the end or an error.</summary>
    public static bool IsReadable(SafeHandle descriptor) => Poll(descriptor, PollIn, timeoutMs: 0);

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

    private static void WaitOrThrow(SafeHandle descriptor, short events, int error)
    {
        switch (error)
        {
            case Eintr:
                return;
            case Eagain: // somebody we share the descriptor with made it non-blocking
                Poll(descriptor, events, timeoutMs: -1);
                return;
            default:
                throw new IOException(Marshal.GetPInvokeErrorMessage(error));
        }
    }

    private static bool Poll(SafeHandle descriptor, short events, int timeoutMs)
    {
        var entry = new PollEntry { Descriptor = (int)descriptor.DangerousGetHandle(), Events = events };
        return PollCall(ref entry, 1, timeoutMs) > 0;
    }

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadCall(SafeHandle descriptor, Span<byte> buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteCall(SafeHandle descriptor, ReadOnlySpan<byte> buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int PollCall(ref PollEntry entries, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoctlCall(SafeHandle descriptor, nuint request, out int value);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short ReturnedEvents;
    }
}
