using LineServer.Linux;
using Microsoft.Win32.SafeHandles;

namespace LineServer.Client;

/// <summary>
/// An open input: a file, a pipe, or standard input. A file is read at offsets, so all connections share one
/// descriptor. Other inputs can be read once, by one connection. An input stays open until the process ends,
/// because a blocked read(2) cannot be cancelled.
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

    /// <summary>The length in bytes when it was opened; null if it cannot be read at offsets.</summary>
    public long? Length { get; }

    public bool IsRereadable => Length is not null;

    /// <summary>The open descriptor.</summary>
    public SafeFileHandle Handle => _handle;

    /// <summary>The length in bytes now. Only for files that are re-readable.</summary>
    public long CurrentLength => RandomAccess.GetLength(_handle);

    /// <summary>
    /// True if the file was written to after it was opened, so that reading it again may give other bytes
    /// than were sent.
    /// </summary>
    public bool HasChanged => IsRereadable
        && (RandomAccess.GetLength(_handle) != Length || File.GetLastWriteTimeUtc(_handle) != _modified);

    /// <summary>True if the input ended within a line.</summary>
    public bool IsUnterminated => Volatile.Read(ref _unterminated) != 0;

    /// <summary>
    /// Opens a file, or standard input for <c>-</c>. Opening a FIFO waits for its writer, without a time
    /// limit.
    /// </summary>
    /// <exception cref="IOException">The input cannot be opened; the message gives the reason.</exception>
    public static InputFile Open(string path)
    {
        if (path is "-")
        {
            // The runtime may have opened a descriptor of its own under the free number. A read from that
            // would never return.
            if (!StandardStream.Input.IsOpen)
            {
                throw new IOException("standard input is closed");
            }

            // Read it as a stream even if it is a file, to respect the caller's offset: { head -1; lineclient
            // …; } < file.
            return new("standard input", new SafeFileHandle(0, ownsHandle: false), length: null);
        }

        if (Directory.Exists(path))
        {
            throw new IOException($"{path}: is a directory");
        }

        try
        {
            // No share lock, so that a log file can be sent while it is written.
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

    /// <summary>True if a read would return at once, with bytes or with the end.</summary>
    public bool IsReadable => Posix.IsReadable(_handle);

    /// <summary>Reads a re-readable file at <paramref name="offset"/>. Returns 0 at its end.</summary>
    public int ReadAt(Span<byte> buffer, long offset) => RandomAccess.Read(_handle, buffer, offset);

    /// <summary>Reads the next bytes of a pipe or a terminal. Returns 0 at its end.</summary>
    public ValueTask<int> ReadNextAsync(Memory<byte> buffer) =>
        IsReadable
            ? new(Posix.Read(_handle, buffer.Span))

            // A blocked read(2) cannot be cancelled. Its thread is a background thread, which ends with the
            // process.
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
