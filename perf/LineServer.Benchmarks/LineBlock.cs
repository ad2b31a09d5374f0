using System.Globalization;
using System.Runtime.InteropServices;

namespace LineServer.Benchmarks;

/// <summary>64 KiB of lines: of one size, LF included, or of sizes that no branch predictor knows.</summary>
internal sealed class LineBlock
{
    private const int Size = 64 * 1024;

    private const int CacheLine = 64;

    private LineBlock(ReadOnlyMemory<byte> bytes, int lines) => (Bytes, Lines) = (bytes, lines);

    /// <summary>
    /// They begin at a cache line and stay there. Where they do not, every block of a sweep lies in two, and what a run measures depends on
    /// where the collector happened to put them.
    /// </summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    public int Lines { get; }

    /// <param name="lineSize">"32", or "8-128" for random sizes from 8 to 128 bytes.</param>
    public static LineBlock Of(string lineSize)
    {
        int[] bounds = [.. lineSize.Split('-').Select(bound => int.Parse(bound, CultureInfo.InvariantCulture))];
        Random random = new(1);
        byte[] pinned = GC.AllocateArray<byte>(Size + CacheLine, pinned: true);
        int beyond = (int)(Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0) % CacheLine);
        Memory<byte> memory = pinned.AsMemory((CacheLine - beyond) % CacheLine, Size);
        Span<byte> bytes = memory.Span;
        int at = 0;
        int lines = 0;
        for (int size = bounds[0]; at + size <= Size; size = random.Next(bounds[0], bounds[^1] + 1))
        {
            bytes.Slice(at, size - 1).Fill((byte)'x');
            bytes[at + size - 1] = (byte)'\n';
            at += size;
            lines++;
        }

        return new LineBlock(memory[..at], lines);
    }
}
