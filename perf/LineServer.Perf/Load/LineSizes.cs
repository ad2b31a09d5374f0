using System.Diagnostics;

namespace LineServer.Perf.Load;

/// <summary>
/// How long the lines of a stream are, with their LF: all the same, or a cycle of sizes that repeats. So the place of every line is known, and nothing has to
/// be kept of it.
/// </summary>
internal sealed class LineSizes
{
    /// <summary>Seven letters, of which the numbers' last digits are made, and LF.</summary>
    public const int Smallest = 8;

    /// <summary>Lines in a cycle of mixed sizes.</summary>
    public const int MixedLines = 32;

    // From one size to the next in the cycle: it has no divisor in common with their number, so each comes once, and large ones stand beside small ones.
    private const int MixedStep = 13;

    private readonly int[] _starts;

    private LineSizes(int[] sizes)
    {
        _starts = new int[sizes.Length + 1];
        for (int i = 0; i < sizes.Length; i++)
        {
            _starts[i + 1] = _starts[i] + sizes[i];
        }

        (Count, CycleSize, Largest) = (sizes.Length, _starts[^1], sizes.Max());
    }

    /// <summary>Lines until the sizes repeat.</summary>
    public int Count { get; }

    /// <summary>Bytes until the sizes repeat.</summary>
    public int CycleSize { get; }

    public int Largest { get; }

    public static LineSizes Same(int size)
    {
        Debug.Assert(size >= Smallest, "the numbers do not fit into the line");
        return new([size]);
    }

    /// <summary>A cycle of <see cref="MixedLines"/> lines: each is longer than the next shorter one by the same factor, and the two ends are among them.</summary>
    public static LineSizes Mixed(int smallest, int largest)
    {
        Debug.Assert(smallest >= Smallest && smallest < largest, "there is nothing between these sizes");
        double factor = Math.Pow(largest / (double)smallest, 1.0 / (MixedLines - 1));
        return new([.. Enumerable.Range(0, MixedLines).Select(i => (int)Math.Round(smallest * Math.Pow(factor, i * MixedStep % MixedLines)))]);
    }

    /// <summary>Where a line begins in the stream; also the end of all lines before it.</summary>
    public long StartOf(long line) => Count == 1 ? line * CycleSize : (line / Count * CycleSize) + _starts[(int)(line % Count)];

    /// <summary>The line that a byte of the stream belongs to; also how many lines are whole in so many bytes.</summary>
    public long LineAt(long offset)
    {
        if (Count == 1)
        {
            return offset / CycleSize;
        }

        (long cycle, long within) = Math.DivRem(offset, CycleSize);
        int found = Array.BinarySearch(_starts, (int)within);
        return (cycle * Count) + (found >= 0 ? found : ~found - 1);
    }

    public int SizeOf(long line)
    {
        int place = Count == 1 ? 0 : (int)(line % Count);
        return _starts[place + 1] - _starts[place];
    }

    /// <summary>The end of the last line that so many bytes begin.</summary>
    public long RoundUp(long offset)
    {
        long line = LineAt(offset);
        return StartOf(line) == offset ? offset : StartOf(line + 1);
    }
}
