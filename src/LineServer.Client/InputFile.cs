using LineServer.Linux;
using Microsoft.Win32.SafeHandles;

namespace LineServer.Client;

/// <summary>
/// One open input: a file, a pipe, or standard input. A file is read at offsets, so all connections share one descriptor;
/// anything else can be read once, by one connection. It is open until the process ends: a read(2) that waits cannot be cancelled.
/// </summary>
internal sealed class InputFile
{
    private readonly SafeFileHandle _handle;
    private readonly DateTime? _modified;
    private int _unterminated;

    private InputFile(string name, SafeFileHandle handle, long? length)
    {
        Name = name;
        _handle = handle;
        Length = length;
        _modified = length is null ? null : File.GetLastWriteTimeUtc(handle);
    }

    public string Name { get; }

    /// <summary>In bytes, as it was when opened; null when it cannot be read at offsets.</summary>
    public long? Length { get; }

    public bool IsRereadable => Length is not null;

    /// <summary>True if somebody has written to the file since it was opened: read again, it may hold other bytes than were sent.</summary>
    public bool HasChanged => IsRereadable && (RandomAccess.GetLength(_handle) != Length || File.GetLastWriteTimeUtc(_handle) != _modified);

    /// <summary>Whether it ended in the middle of a line.</summary>
    public bool IsUnterminated => Volatile.Read(ref _unterminated) != 0;

    /// <summary>Opens a file, or standard input for <c>-</c>. Opening a FIFO waits for its writer, without a bound.</summary>
    /// <exception cref="IOException">It cannot be opened; the message says why.</exception>
    public static InputFile Open(string path)
    {
        if (path is "-")
        {
            // The runtime may have opened something of its own under the free number: a read from that would never return.
            if (!StandardStream.Input.IsOpen)
            {
                throw new IOException("standard input is closed");
            }

            // Read as a stream even where it is a file: the caller's offset counts, as in { head -1; lineclient …; } < file.
            return new("standard input", new SafeFileHandle(0, ownsHandle: false), length: null);
        }

        if (Directory.Exists(path))
        {
            throw new IOException($"{path}: is a directory");
        }

        try
        {
            // No share lock: a log file that is being written may be sent.
            SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return new(path, handle, LengthIfSeekable(handle));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new IOException($"{path}: no such file", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}: permission denied", e);
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads a re-readable file at <paramref name="offset"/>; 0 at its end.</summary>
    public int ReadAt(Span<byte> buffer, long offset) => RandomAccess.Read(_handle, buffer, offset);

    /// <summary>Reads what comes next from a pipe or a terminal; 0 at its end.</summary>
    public ValueTask<int> ReadNextAsync(Memory<byte> buffer) =>
        Posix.IsReadable(_handle)
            ? new(Posix.Read(_handle, buffer.Span))

            // read(2) on a pipe cannot be cancelled; the thread it waits on is a background one and ends with the process.
            : new(Task.Run(() => Posix.Read(_handle, buffer.Span)));

    public void MarkUnterminated() => Volatile.Write(ref _unterminated, 1);

    private static long? LengthIfSeekable(SafeFileHandle handle)
    {
        try
        {
            return RandomAccess.GetLength(handle);
        }
        catch (NotSupportedException)
        {
            return null;
        }
    }
}
