using System.Buffers;

namespace LineServer.Framing;

/// <summary>Writes lines.</summary>
public static class LineWriter
{
    private const int SmallLine = 1024;

    /// <summary>
    /// Writes <paramref name="line"/> and <paramref name="delimiter"/>. Nothing is written when the line is refused.
    /// </summary>
    /// <param name="output">Where to.</param>
    /// <param name="line">The line, without its terminator; it may be empty.</param>
    /// <param name="delimiter">The byte that ends the line: LF unless the stream uses another.</param>
    /// <exception cref="ArgumentException">The line holds the delimiter: one line would arrive as two.</exception>
    public static void WriteLine(this IBufferWriter<byte> output, ReadOnlySpan<byte> line, byte delimiter = LineFormat.LineFeed)
    {
        ArgumentNullException.ThrowIfNull(output);
        ThrowIfDelimiterInside(line, delimiter);
        if (line.Length < SmallLine)
        {
            Span<byte> span = output.GetSpan(line.Length + 1);
            line.CopyTo(span);
            span[line.Length] = delimiter;
            output.Advance(line.Length + 1);
            return;
        }

        // A large line may fill several buffers of the writer: asking for one that holds it whole would make the writer allocate.
        output.Write(line);
        output.GetSpan(1)[0] = delimiter;
        output.Advance(1);
    }

    /// <summary>Refuses a line that holds its own delimiter.</summary>
    /// <exception cref="ArgumentException">It does.</exception>
    public static void ThrowIfDelimiterInside(ReadOnlySpan<byte> line, byte delimiter)
    {
        int found = line.IndexOf(delimiter);
        if (found >= 0)
        {
            throw new ArgumentException($"A line cannot hold its own delimiter (0x{delimiter:X2}, at byte {found} of {line.Length}): it would arrive as two lines.", nameof(line));
        }
    }
}
