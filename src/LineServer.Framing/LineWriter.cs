using System.Buffers;

namespace LineServer.Framing;

/// <summary>Writes lines.</summary>
public static class LineWriter
{
    private const int SmallLine = 1024;

    /// <summary>
    /// Writes <paramref name="line"/> and <paramref name="delimiter"/>. Writes nothing if it throws.
    /// </summary>
    /// <param name="output">The writer to write to.</param>
    /// <param name="line">The line without its terminator; may be empty.</param>
    /// <param name="delimiter">The byte that ends the line. Defaults to LF.</param>
    /// <exception cref="ArgumentException">
    /// The line contains the delimiter: it would arrive as two lines.
    /// </exception>
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

        // A large line may fill several of the writer's buffers. Asking for one that holds all of it would
        // make the writer allocate.
        output.Write(line);
        output.GetSpan(1)[0] = delimiter;
        output.Advance(1);
    }

    /// <summary>Throws if a line contains its own delimiter.</summary>
    /// <exception cref="ArgumentException">The line contains the delimiter.</exception>
    public static void ThrowIfDelimiterInside(ReadOnlySpan<byte> line, byte delimiter)
    {
        int found = line.IndexOf(delimiter);
        if (found >= 0)
        {
            throw new ArgumentException($"A line cannot hold its own delimiter (0x{delimiter:X2}, at byte {found} of {line.Length}): it would arrive as two lines.", nameof(line));
        }
    }
}
