using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LineServer.Perf.Load;

/// <summary>
/// Lines of one size, one after the other, where only the numbers change: eight letters for the connection, eight for the line's place in it, then filler
/// and LF. So what comes back is known to the byte, whatever was cut where, and nothing of what was sent has to be kept.
/// </summary>
internal sealed unsafe class LineTemplate : IDisposable
{
    /// <summary>Two numbers and LF.</summary>
    public const int MinLineSize = 17;
    private const int NumberSize = 8;
    private const ulong Letters = 0x4141_4141_4141_4141; // 'A' to 'P' are the hexadecimal digits.

    private readonly byte* _lines;

    /// <param name="lineSize">With its LF.</param>
    /// <param name="bytes">At least so many fit, wherever in a line they begin.</param>
    public LineTemplate(int lineSize, int bytes)
    {
        LineSize = lineSize;
        Capacity = (bytes / lineSize) + 2;
        _lines = (byte*)NativeMemory.AlignedAlloc((nuint)(Capacity * lineSize), 64);
        for (int line = 0; line < Capacity; line++)
        {
            var span = new Span<byte>(_lines + (line * lineSize), lineSize);
            for (int i = 2 * NumberSize; i < lineSize - 1; i++)
            {
                span[i] = (byte)('a' + (i % 26));
            }

            span[^1] = (byte)'\n';
        }
    }

    public int LineSize { get; }

    /// <summary>In lines.</summary>
    public int Capacity { get; }

    /// <summary>The bytes of a connection's stream from this place on; they hold until the next call.</summary>
    public byte* Write(int connection, long start, int size)
    {
        long first = start / LineSize;
        int offset = (int)(start - (first * LineSize));
        int count = (offset + size + LineSize - 1) / LineSize;
        Debug.Assert(count <= Capacity, "so many lines do not fit");
        ulong connectionLetters = Encode((uint)connection);
        byte* line = _lines;
        for (int i = 0; i < count; i++, line += LineSize)
        {
            *(ulong*)line = connectionLetters;
            *(ulong*)(line + NumberSize) = Encode((uint)(first + i));
        }

        return _lines + offset;
    }

    /// <summary>The numbers of a line's first 16 bytes, if they are such.</summary>
    public static bool TryRead(ReadOnlySpan<byte> line, out uint connection, out uint number)
    {
        number = 0;
        return TryDecode(line, out connection) && TryDecode(line[NumberSize..], out number);
    }

    public void Dispose() => NativeMemory.AlignedFree(_lines);

    // A letter for each four bits, the highest first in memory.
    private static ulong Encode(uint value)
    {
        ulong spread = value;
        spread = (spread | (spread << 16)) & 0x0000_FFFF_0000_FFFF;
        spread = (spread | (spread << 8)) & 0x00FF_00FF_00FF_00FF;
        spread = (spread | (spread << 4)) & 0x0F0F_0F0F_0F0F_0F0F;
        return BinaryPrimitives.ReverseEndianness(spread + Letters);
    }

    private static bool TryDecode(ReadOnlySpan<byte> text, out uint value)
    {
        value = 0;
        if (text.Length < NumberSize)
        {
            return false;
        }

        foreach (byte letter in text[..NumberSize])
        {
            if (letter is < (byte)'A' or > (byte)'P')
            {
                return false;
            }

            value = (value << 4) | (uint)(letter - 'A');
        }

        return true;
    }
}
