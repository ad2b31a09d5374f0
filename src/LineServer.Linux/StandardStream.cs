using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>
/// write(2) to standard output or standard error. Not Console's streams: these swallow EPIPE, and lines would be lost without a word. Not a
/// FileStream: that writes a file at a position of its own, over what another process writes to the same file.
/// </summary>
internal sealed class StandardStream(int descriptor)
{
    /// <summary>Standard input: only whether it is there is asked of it.</summary>
    public static StandardStream Input { get; } = new(0);

    public static StandardStream Output { get; } = new(1);

    public static StandardStream Error { get; } = new(2);

    /// <summary>
    /// False if the process was started without this stream. What the runtime has opened by then may have its number: that closes on exec(2), which
    /// nothing does that came through one.
    /// </summary>
    public bool IsOpen { get; } = Libc.DescriptorControl(descriptor, Libc.GetDescriptorFlags) is var flags && flags >= 0 && (flags & Libc.DescriptorClosesOnExec) == 0;

    /// <summary>True if it goes to a terminal.</summary>
    public bool IsTerminal => IsOpen && Libc.IsTerminal(descriptor) == 1;

    /// <summary>The file behind it; null if it is closed.</summary>
    public FileIdentity? File => IsOpen ? FileIdentity.OfDescriptor(descriptor) : null;

    /// <summary>Writes all of it, and waits as long as that takes.</summary>
    /// <exception cref="IOException">It is closed, or full.</exception>
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
                // Another process that shares it has made it non-blocking.
                var poll = new PollDescriptor { Descriptor = descriptor, Events = Libc.PollOut };
                _ = Libc.Poll(&poll, 1, -1);
            }
            else if (error != (int)Errno.EINTR)
            {
                throw new IOException(Marshal.GetPInvokeErrorMessage(error));
            }
        }
    }

    /// <summary>Writes a line if it can be written within that time; nobody may read the other end.</summary>
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
