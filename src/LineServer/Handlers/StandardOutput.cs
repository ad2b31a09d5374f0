using System.Runtime.InteropServices;

namespace LineServer.Handlers;

/// <summary>
/// write(2) to standard output. Not Console's stream: that swallows EPIPE, and lines would be lost without a word. Not a FileStream: that
/// writes a file at a position of its own, over what the log or another process writes to the same file.
/// </summary>
internal static partial class StandardOutput
{
    private const int Descriptor = 1;
    private const int EINTR = 4;
    private const int EAGAIN = 11;
    private const short PollOut = 4;

    /// <summary>Writes all of it, and waits as long as that takes.</summary>
    /// <exception cref="IOException">It is closed, or full.</exception>
    public static void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            nint written = Write(Descriptor, bytes, (nuint)bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }

            int error = Marshal.GetLastPInvokeError();
            if (error == EAGAIN)
            {
                // Somebody who shares it with us has made it non-blocking.
                var poll = new PollDescriptor { Descriptor = Descriptor, Events = PollOut };
                _ = Poll(ref poll, 1, -1);
            }
            else if (error != EINTR)
            {
                throw new IOException(Marshal.GetPInvokeErrorMessage(error));
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Write(int descriptor, ReadOnlySpan<byte> bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "poll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Poll(ref PollDescriptor descriptor, nuint count, int timeoutMs);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
