namespace LineServer.Client;

/// <summary>Reads all inputs, one after the other and as often as asked, as one stream of bytes.</summary>
/// <remarks>
/// Each connection has its own reader over the shared files. Where lines begin and end is not its business, but for the last
/// line of a file: an LF is added to it, or it is marked.
/// </remarks>
internal sealed class InputReader(IReadOnlyList<InputFile> inputs, long repeat, bool terminate)
{
    private const byte LineFeed = (byte)'\n';

    private long _round;
    private int _current;
    private long _offset;
    private byte _last = LineFeed;

    /// <summary>Whether <see cref="ReadAsync"/> may wait for somebody else (a pipe, a terminal), not only for a disk.</summary>
    public bool MayWait { get; } = inputs.Any(input => !input.IsRereadable);

    /// <summary>The first input that has changed since it was opened; null if none has.</summary>
    public string? ChangedInput => inputs.FirstOrDefault(input => input.HasChanged)?.Name;

    /// <summary>Fills the buffer from files; returns at once with what a pipe has.</summary>
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

    /// <summary>Reads on as far as there are files; never waits for anybody.</summary>
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

    /// <summary>Turns to the next input. Returns how many bytes the end of this one added.</summary>
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
