using LineServer.Framing;

namespace LineServer.Client.Streams;

/// <summary>
/// Reads a source in whole lines, as many at a time as the buffer holds, with their count and checksum. A line that
/// is longer than the buffer is measured first, and then read in parts: no line is ever sent that turns out too long.
/// </summary>
internal sealed class LineCursor(ILineSource source, StreamMarks marks)
{
    private const byte LineFeed = (byte)'\n';

    /// <summary>The size of a read, and of a send.</summary>
    private const int BufferSize = 256 * 1024;

    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferSize);
    private StreamMark _position;

    /// <summary>The rest of a line that is read in parts, with its LF; 0 between lines.</summary>
    private long _restOfLine;

    /// <summary>The place behind the last whole line that was read. Within a long line, its offset is the part's end.</summary>
    public StreamMark Position => _position;

    /// <summary>The end of what is there: behind <see cref="Position"/> if an unfinished line follows.</summary>
    public long End { get; private set; }

    /// <summary>The number of lines that the source turned out to have, when <see cref="TryMoveTo"/> fails.</summary>
    public long LinesFound { get; private set; }

    /// <summary>Goes to the place behind a line of the stream, and computes the checksum up to there.</summary>
    /// <returns>False if the source has fewer lines.</returns>
    /// <exception cref="IOException">The source cannot be read.</exception>
    public bool TryMoveTo(long lines, CancellationToken cancellationToken)
    {
        StreamMark mark = marks.Acknowledge(lines);
        if (mark.Lines > lines)
        {
            mark = source.Start!.Value;
        }

        // Behind the mark may be a part of a line. It counts once its LF has come.
        (long offset, uint crc) = (mark.Offset, mark.Crc);
        while (mark.Lines < lines)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<byte> bytes = _buffer.AsSpan(0, source.Read(_buffer, offset));
            if (bytes.IsEmpty)
            {
                if (!source.TryGoOn(mark, offset))
                {
                    LinesFound = mark.Lines;
                    return false;
                }

                (offset, crc) = (mark.Offset, mark.Crc);
                continue;
            }

            int count = bytes.Count(LineFeed);
            if (count >= lines - mark.Lines)
            {
                count = (int)(lines - mark.Lines);
                bytes = bytes[..LengthOfLines(bytes, count)];
            }

            int whole = bytes.LastIndexOf(LineFeed) + 1;
            if (whole > 0)
            {
                crc = Crc32C.Append(crc, bytes[..whole]);
                mark = new(mark.Lines + count, offset + whole, crc);
            }

            crc = Crc32C.Append(crc, bytes[whole..]);
            offset += bytes.Length;
        }

        _position = mark;
        _restOfLine = 0;
        return true;
    }

    /// <summary>Reads the next bytes to send; they are valid until the next read.</summary>
    /// <param name="maxLineSize">The most bytes of a line, without its LF.</param>
    /// <returns>Empty if the source has no further whole line now.</returns>
    /// <exception cref="StreamProblemException">The next line is too long.</exception>
    /// <exception cref="IOException">The source cannot be read.</exception>
    public ReadOnlyMemory<byte> Read(long maxLineSize)
    {
        if (_restOfLine > 0)
        {
            return ReadRestOfLine();
        }

        int filled = Fill();
        End = _position.Offset + filled;
        int length = LengthOfFittingLines(_buffer.AsSpan(0, filled), maxLineSize, out bool tooLong);
        if (length > 0)
        {
            return Take(length, _buffer.AsSpan(0, length).Count(LineFeed));
        }

        if (!tooLong && filled == BufferSize)
        {
            _restOfLine = Measure(maxLineSize, out tooLong);
        }

        if (tooLong)
        {
            throw new StreamProblemException(
                $"{source.Name}: line {_position.Lines + 1} of the stream is longer than the server takes ({maxLineSize} bytes); it was not sent");
        }

        return _restOfLine > 0 ? ReadRestOfLine() : default;
    }

    /// <summary>The length of the whole lines at the front, up to the first that is too long.</summary>
    /// <remarks>
    /// From the start of a line, the last LF within the longest line's length ends only lines that fit. So a few
    /// searches from the back are enough, and no line is looked at by itself.
    /// </remarks>
    internal static int LengthOfFittingLines(ReadOnlySpan<byte> bytes, long maxLineSize, out bool tooLong)
    {
        int start = 0;
        tooLong = false;
        while (bytes.Length - start > maxLineSize)
        {
            int lineFeed = bytes.Slice(start, (int)maxLineSize + 1).LastIndexOf(LineFeed);
            if (lineFeed < 0)
            {
                tooLong = true;
                return start;
            }

            start += lineFeed + 1;
        }

        return start + bytes[start..].LastIndexOf(LineFeed) + 1;
    }

    private static int LengthOfLines(ReadOnlySpan<byte> bytes, int count)
    {
        int length = 0;
        for (; count > 0; count--)
        {
            length += bytes[length..].IndexOf(LineFeed) + 1;
        }

        return length;
    }

    private int Fill()
    {
        int filled = 0;
        while (filled < BufferSize && source.Read(_buffer.AsSpan(filled), _position.Offset + filled) is int read and > 0)
        {
            filled += read;
        }

        return filled;
    }

    /// <returns>The length of the next line with its LF; 0 if it has no end yet.</returns>
    private long Measure(long maxLineSize, out bool tooLong)
    {
        long length = 0;
        while (true)
        {
            int read = source.Read(_buffer, _position.Offset + length);
            int lineFeed = _buffer.AsSpan(0, read).IndexOf(LineFeed);
            length += lineFeed < 0 ? read : lineFeed;
            tooLong = length > maxLineSize;
            if (lineFeed >= 0 || read == 0 || tooLong)
            {
                End = _position.Offset + length;
                return lineFeed >= 0 && !tooLong ? length + 1 : 0;
            }
        }
    }

    private ReadOnlyMemory<byte> ReadRestOfLine()
    {
        int read = source.Read(_buffer.AsSpan(0, (int)Math.Min(_restOfLine, BufferSize)), _position.Offset);
        if (read == 0)
        {
            throw new StreamProblemException($"{source.Name}: it became shorter within line {_position.Lines + 1} of the stream");
        }

        _restOfLine -= read;
        return Take(read, _restOfLine == 0 ? 1 : 0);
    }

    private ReadOnlyMemory<byte> Take(int length, int lines)
    {
        ReadOnlyMemory<byte> bytes = _buffer.AsMemory(0, length);
        _position = new(_position.Lines + lines, _position.Offset + length, Crc32C.Append(_position.Crc, bytes.Span));
        if (_restOfLine == 0)
        {
            marks.Add(_position);
        }

        return bytes;
    }
}
