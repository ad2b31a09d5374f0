using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>
/// Writes to standard output or standard error by write(2). Console's streams swallow EPIPE, so lines would
/// be lost silently. A FileStream keeps a file position of its own, and would overwrite what another process
/// writes to the same file.
/// </summary>
internal sealed class StandardStream(int descriptor)
{
    /// <summary>Standard input; used only to check that it is open.</summary>
    public static StandardStream Input { get; } = new(0);

    public static StandardStream Output { get; } = new(1);

    public static StandardStream Error { get; } = new(2);

    /// <summary>
    /// False if the process was started without this stream. The runtime may since have given its number to a
    /// descriptor of its own. Such a descriptor has FD_CLOEXEC; an inherited one cannot have it.
    /// </summary>
    public bool IsOpen { get; } =
        Libc.DescriptorControl(descriptor, Libc.GetDescriptorFlags) is var flags
        && flags >= 0
        && (flags & Libc.DescriptorClosesOnExec) == 0;

    /// <summary>True if the stream is a terminal.</summary>
    public bool IsTerminal => IsOpen && Libc.IsTerminal(descriptor) == 1;

    /// <summary>The file behind the stream; null if the stream is closed.</summary>
    public FileIdentity? File => IsOpen ? FileIdentity.OfDescriptor(descriptor) : null;

    /// <summary>Writes all bytes, and blocks for as long as that takes.</summary>
    /// <exception cref="IOException">The stream is closed, or the write failed.</exception>
    public unsafe void Write(ReadOnlySpan<byte> bytes)
    {
        if (!IsOpen)
        {
            throw new IOException("it is closed");
        }

        while (!bytes.IsEmpty)
        {
            nint written;
            fixed (byte* start = bytes)
            {
                written = Libc.Write(descriptor, start, bytes.Length);
            }

            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }

            int error = Marshal.GetLastSystemError();
            if (error == (int)Errno.EAGAIN)
            {
                // Another process that shares the stream has made it non-blocking.
                var poll = new PollDescriptor { Descriptor = descriptor, Events = Libc.PollOut };
                _ = Libc.Poll(&poll, 1, -1);
            }
            else if (error != (int)Errno.EINTR)
            {
                throw new IOException(Marshal.GetPInvokeErrorMessage(error));
            }
        }
    }

    /// <summary>
    /// Writes a line if the stream becomes writable within the timeout; otherwise drops it. There may be no
    /// reader.
    /// </summary>
    public unsafe void TryWrite(ReadOnlySpan<byte> line, TimeSpan timeout)
    {
        var poll = new PollDescriptor { Descriptor = descriptor, Events = Libc.PollOut };
        if (!IsOpen || Libc.Poll(&poll, 1, (int)timeout.TotalMilliseconds) != 1)
        {
            return;
        }

        fixed (byte* start = line)
        {
            _ = Libc.Write(descriptor, start, line.Length);
        }
    }
}
