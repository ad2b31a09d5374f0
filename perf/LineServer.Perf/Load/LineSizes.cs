using System.Diagnostics;

namespace LineServer.Perf.Load;

/// <summary>
/// The sizes of the lines of a stream, with LF: all equal, or a cycle that repeats. The place of every line
/// follows from its number, so nothing is stored per line.
/// </summary>
internal sealed class LineSizes
{
    /// <summary>Seven letters for the last digits of the numbers, and LF.</summary>
    public const int Smallest = 8;

    /// <summary>Lines in a cycle of mixed sizes.</summary>
    public const int MixedLines = 32;

    // The step from one size to the next in the cycle. It has no common divisor with the number of sizes, so
    // each size occurs once, and large lines are beside small ones.
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

    /// <summary>Lines in a cycle.</summary>
    public int Count { get; }

    /// <summary>Bytes in a cycle.</summary>
    public int CycleSize { get; }

    public int Largest { get; }

    public static LineSizes Same(int size)
    {
        Debug.Assert(size >= Smallest, "the numbers do not fit into the line");
        return new([size]);
    }

    /// <summary>
    /// A cycle of <see cref="MixedLines"/> lines from the smallest size to the largest. In order of size,
    /// each is longer than the one before by the same factor.
    /// </summary>
    public static LineSizes Mixed(int smallest, int largest)
    {
        Debug.Assert(smallest >= Smallest && smallest < largest, "there is nothing between these sizes");
        double factor = Math.Pow(largest / (double)smallest, 1.0 / (MixedLines - 1));
        return new(
            [
                .. Enumerable.Range(0, MixedLines).Select(i =>
                    (int)Math.Round(smallest * Math.Pow(factor, i * MixedStep % MixedLines))),
            ]);
    }

    /// <summary>The offset of a line in the stream; also the size of all lines before it.</summary>
    public long StartOf(long line) =>
        Count == 1 ? line * CycleSize : (line / Count * CycleSize) + _starts[(int)(line % Count)];

    /// <summary>
    /// The line that contains a byte of the stream; also the number of complete lines in this many bytes.
    /// </summary>
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

    /// <summary>The end of the last line that begins before this offset.</summary>
    public long RoundUp(long offset)
    {
        long line = LineAt(offset);
        return StartOf(line) == offset ? offset : StartOf(line + 1);
    }
}
