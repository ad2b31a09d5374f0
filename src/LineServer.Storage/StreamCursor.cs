using LineServer.Framing;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Segments;
using ZstdSharp;

namespace LineServer.Storage;

/// <summary>
/// Reads the lines of a stream, from a line number on, across its segments. Another process may be writing them: what is
/// in a segment was durable before.
/// </summary>
public sealed class StreamCursor : IDisposable
{
    private const int InitialSize = 64 * 1024;

    private readonly IStoreFiles _files;
    private readonly string _stream;
    private Stream? _text;
    private long _segment; // the first line of the segment that is open
    private byte[] _buffer = new byte[InitialSize];
    private int _taken; // bytes at the head of the buffer that were returned
    private int _end;
    private long _line; // the number of the line that begins at _taken
    private bool _isAtEnd; // of the segment that is open, when it was last read

    internal StreamCursor(IStoreFiles files, string stream, long from)
    {
        if (!StreamName.IsValid(stream))
        {
            throw new ArgumentException("This is no name for a stream.", nameof(stream));
        }

        _files = files;
        _stream = stream;
        NextLine = from;
    }

    /// <summary>The number of the next line that <see cref="TryRead"/> returns.</summary>
    public long NextLine { get; private set; }

    /// <summary>Opens a stream of the store in a directory, which another process may have open.</summary>
    /// <param name="directory">The store's directory.</param>
    /// <param name="stream">See <see cref="StreamName"/>.</param>
    /// <param name="from">The number of the first line to read; from 1.</param>
    /// <exception cref="ArgumentException">This is no name for a stream.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    public static StreamCursor Open(string directory, string stream, long from)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(from, 1);
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("A store needs Linux.");
        }

        return new StreamCursor(new LinuxStoreFiles(Path.GetFullPath(directory)), stream, from);
    }

    /// <summary>Returns the next whole lines, each with its LF; false if there are none now.</summary>
    /// <param name="most">The most lines.</param>
    /// <param name="lines">The bytes; valid until the next call.</param>
    /// <param name="count">The number of lines.</param>
    /// <exception cref="LineNotKeptException">The next line was removed by retention.</exception>
    /// <exception cref="IOException">A segment cannot be read.</exception>
    /// <exception cref="InvalidDataException">A compressed segment is damaged.</exception>
    public bool TryRead(long most, out ReadOnlySpan<byte> lines, out long count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        while (true)
        {
            if (_text is null && !OpenSegment())
            {
                lines = default;
                count = 0;
                return false;
            }

            if (TryTake(most, out lines, out count))
            {
                return true;
            }

            if (!Fill() && !GoToNextSegment())
            {
                return false;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _text?.Dispose();

    private bool TryTake(long most, out ReadOnlySpan<byte> lines, out long count)
    {
        ReadOnlySpan<byte> rest = _buffer.AsSpan(_taken, _end - _taken);
        int length = rest.LastIndexOf(LineFormat.LineFeed) + 1;
        rest = rest[..length];
        if (_line < NextLine)
        {
            long skipped = Take(rest, NextLine - _line, out int bytes);
            _line += skipped;
            _taken += bytes;
            rest = rest[bytes..];
        }

        count = Take(rest, most, out int taken);
        lines = rest[..taken];
        _taken += taken;
        _line += count;
        NextLine = Math.Max(NextLine, _line);
        return count > 0;
    }

    /// <summary>Counts at most so many lines. Returns the number, and their bytes.</summary>
    private static long Take(ReadOnlySpan<byte> wholeLines, long most, out int bytes)
    {
        // No line is shorter than its LF.
        long count = most >= wholeLines.Length ? wholeLines.Count(LineFormat.LineFeed) : 0;
        bytes = wholeLines.Length;
        if (most >= wholeLines.Length)
        {
            return count;
        }

        bytes = 0;
        while (count < most && bytes < wholeLines.Length)
        {
            bytes += wholeLines[bytes..].IndexOf(LineFormat.LineFeed) + 1;
            count++;
        }

        return count;
    }

    /// <summary>Reads more of the segment. Returns false if there is no more now.</summary>
    private bool Fill()
    {
        int rest = _end - _taken;
        if (_taken > 0)
        {
            _buffer.AsSpan(_taken, rest).CopyTo(_buffer);
            (_taken, _end) = (0, rest);
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        int read;
        try
        {
            read = _text!.Read(_buffer.AsSpan(_end));
        }
        catch (ZstdException e)
        {
            throw new InvalidDataException($"stream {_stream}, segment {_segment}: {e.Message}", e);
        }

        _end += read;
        _isAtEnd = read == 0;
        return read > 0;
    }

    /// <summary>The segment has ended for now: goes on with the next one, if it has begun.</summary>
    private bool GoToNextSegment()
    {
        List<Segment> segments = Segment.List(_files, _stream);
        Segment next = segments.Find(segment => segment.FirstLine > _segment);
        if (next.FirstLine == 0)
        {
            return false;
        }

        // The segment was sealed before the next one began. It may have grown after we last looked.
        if (_isAtEnd && Fill())
        {
            return true;
        }

        // Retention may have removed what lies between, and this segment too.
        if (_line < next.FirstLine && next == segments[0])
        {
            _line = NextLine >= next.FirstLine ? next.FirstLine : throw new LineNotKeptException(next.FirstLine);
        }

        if (_line != next.FirstLine)
        {
            throw new InvalidDataException($"stream {_stream}: the lines {_line} to {next.FirstLine - 1} are missing");
        }

        _text!.Dispose();
        _text = null;
        return true;
    }

    /// <summary>Opens the segment that holds the next line. Returns false if there is none yet.</summary>
    private bool OpenSegment()
    {
        string? missing = null;
        while (true)
        {
            List<Segment> segments = Segment.List(_files, _stream);
            if (segments.Count == 0)
            {
                return false;
            }

            if (segments[0].FirstLine > NextLine)
            {
                throw new LineNotKeptException(segments[0].FirstLine);
            }

            Segment holder = segments.FindLast(segment => segment.FirstLine <= NextLine);
            try
            {
                _text = holder.OpenText(_files, _stream);
            }
            catch (FileNotFoundException) when (holder.Name != missing)
            {
                missing = holder.Name; // compressed or removed just now
                continue;
            }

            _segment = _line = holder.FirstLine;
            _taken = _end = 0;
            return true;
        }
    }
}
