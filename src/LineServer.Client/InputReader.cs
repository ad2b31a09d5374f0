namespace LineServer.Client;

/// <summary>Reads all inputs in order, as often as requested, as one stream of bytes.</summary>
/// <remarks>
/// Each connection has a reader of its own over the shared files. The reader does not look for lines, except
/// at the end of a file: if that has no LF, the reader adds one or marks the file.
/// </remarks>
internal sealed class InputReader(IReadOnlyList<InputFile> inputs, long repeat, bool terminate)
{
    private const byte LineFeed = (byte)'\n';

    private long _round;
    private int _current;
    private long _offset;
    private byte _last = LineFeed;

    /// <summary>
    /// True if <see cref="ReadAsync"/> may wait for another process or a user (a pipe, a terminal), not only
    /// for a disk.
    /// </summary>
    public bool MayWait { get; } = inputs.Any(input => !input.IsRereadable);

    /// <summary>The first input that changed after it was opened; null if none did.</summary>
    public string? ChangedInput => inputs.FirstOrDefault(input => input.HasChanged)?.Name;

    /// <summary>Fills the buffer from files. For a pipe, returns as soon as it has bytes.</summary>
    /// <returns>The number of bytes; 0 at the end of all inputs.</returns>
    /// <exception cref="IOException">An input cannot be read.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer)
    {
        int filled = ReadFiles(buffer.Span);
        while (filled == 0 && _round < repeat)
        {
            int read = await inputs[_current].ReadNextAsync(buffer);
            if (read > 0)
            {
                Took(buffer.Span[..read]);
                return read;
            }

            filled = EndInput(buffer.Span);
            filled += ReadFiles(buffer.Span[filled..]);
        }

        return filled;
    }

    /// <summary>
    /// Reads from files until the buffer is full or the next input is not a file; never waits for another
    /// process.
    /// </summary>
    public int ReadFiles(Span<byte> buffer)
    {
        int filled = 0;
        while (filled < buffer.Length && _round < repeat && inputs[_current].IsRereadable)
        {
            Span<byte> rest = buffer[filled..];
            int read = inputs[_current].ReadAt(rest, _offset);
            if (read > 0)
            {
                Took(rest[..read]);
                filled += read;
            }
            else
            {
                filled += EndInput(rest);
            }
        }

        return filled;
    }

    private void Took(ReadOnlySpan<byte> bytes)
    {
        _offset += bytes.Length;
        _last = bytes[^1];
    }

    /// <summary>
    /// Moves to the next input. Returns the number of bytes that the end of this one added.
    /// </summary>
    private int EndInput(Span<byte> rest)
    {
        int added = 0;
        if (_last != LineFeed)
        {
            if (terminate)
            {
                rest[added++] = LineFeed;
            }
            else
            {
                inputs[_current].MarkUnterminated();
            }
        }

        _last = LineFeed;
        _offset = 0;
        if (++_current == inputs.Count)
        {
            _current = 0;
            _round++;
        }

        return added;
    }
}
