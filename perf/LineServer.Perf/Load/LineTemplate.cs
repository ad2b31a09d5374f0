using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace LineServer.Perf.Load;

/// <summary>
/// The lines of a stream, of which only the numbers change: eight letters for the connection, eight for the
/// line's place in it, then filler and LF. A shorter line has only the last letters of both, half of its
/// length each; if that is odd, the place has one more. So every byte of a reply is known, wherever reads cut
/// it, and nothing sent is stored.
/// </summary>
internal sealed unsafe class LineTemplate : IDisposable
{
    private const int NumberSize = 8;
    private const int BitsALetter = 4;
    private const ulong Letters = 0x4141_4141_4141_4141; // 'A' to 'P' are the hexadecimal digits

    private readonly byte* _lines;
    private readonly int _size;
    private readonly LineSizes _sizes;
    private readonly bool _shortLines;
    private readonly int _numbersAt;
    private readonly int _connectionBefore; // from the numbers back to the connection's number in the text; 0 if there is none

    /// <param name="sizes">The sizes of the lines.</param>
    /// <param name="bytes">
    /// The most bytes that <see cref="Write"/> can give, from any place in a line.
    /// </param>
    /// <param name="form">The text around numbers and filler; null for LF only.</param>
    public LineTemplate(LineSizes sizes, int bytes, LineForm? form = null)
    {
        LineForm text = form ?? LineForm.Plain;
        (string before, string after) = text;
        (_sizes, _numbersAt) = (sizes, before.Length);
        _connectionBefore = text.ConnectionAt < 0 ? 0 : _numbersAt - text.ConnectionAt;

        // A call may begin in any line of a cycle.
        int cycles = 1 + ((bytes + sizes.Largest + sizes.CycleSize - 1) / sizes.CycleSize);
        _size = cycles * sizes.CycleSize;
        _lines = (byte*)NativeMemory.AlignedAlloc((nuint)_size, 64);
        for (int line = 0; line < cycles * sizes.Count; line++)
        {
            int lineSize = sizes.SizeOf(line);
            var span = new Span<byte>(_lines + sizes.StartOf(line), lineSize);
            for (int i = 0; i < lineSize; i++)
            {
                span[i] = (byte)('a' + (i % 26));
            }

            _ = Encoding.ASCII.GetBytes(before, span);
            _ = Encoding.ASCII.GetBytes(after, span[^after.Length..]);
            _shortLines |= lineSize - before.Length - after.Length < 2 * NumberSize;
        }
    }

    /// <summary>
    /// The bytes of a connection's stream from this place on. They are valid until the next call.
    /// </summary>
    public byte* Write(int connection, long start, int size)
    {
        long number = _sizes.LineAt(start);
        int firstStart = _sizes.Count == 1 ? 0 : (int)_sizes.StartOf(number % _sizes.Count);
        byte* result = _lines + firstStart + (start - _sizes.StartOf(number));
        byte* line = _lines + firstStart, end = result + size;
        Debug.Assert(end <= _lines + _size, "the lines do not fit");
        ulong connectionLetters = Encode((uint)connection);
        if (_sizes.Count == 1 && !_shortLines)
        {
            int lineSize = _sizes.CycleSize;
            for (byte* numbers = line + _numbersAt; numbers < end; numbers += lineSize)
            {
                *(ulong*)numbers = connectionLetters;
                *(ulong*)(numbers + NumberSize) = Encode((uint)number++);
            }

            if (_connectionBefore > 0)
            {
                for (byte* place = line + _numbersAt - _connectionBefore; place < end; place += lineSize)
                {
                    *(ulong*)place = connectionLetters;
                }
            }

            return result;
        }

        while (line < end)
        {
            int lineSize = _sizes.SizeOf(number);
            WriteNumbers(line, lineSize - 1, connectionLetters, Encode((uint)number++));
            line += lineSize;
        }

        return result;
    }

    /// <summary>
    /// Reads the numbers of a line. Digits that a short line lacks are taken from the expected numbers: the
    /// connection's leading digits, and the place that is nearest to the expected one.
    /// </summary>
    /// <param name="line">The line from its start.</param>
    public static bool TryRead(
        ReadOnlySpan<byte> line, uint expectedConnection, uint expectedNumber, out uint connection, out uint number)
    {
        (connection, number) = (0, 0);
        int end = line[..Math.Min(line.Length, 2 * NumberSize)].IndexOf((byte)'\n');
        if (end < 0 ? line.Length < 2 * NumberSize : end < LineSizes.Smallest - 1)
        {
            return false;
        }

        int letters = end < 0 ? 2 * NumberSize : end;
        int forConnection = letters / 2, forNumber = letters - forConnection;
        if (!TryDecode(line[..forConnection], out uint connectionDigits)
            || !TryDecode(line.Slice(forConnection, forNumber), out uint numberDigits))
        {
            return false;
        }

        long unsaidOfConnection = 1L << (forConnection * BitsALetter), unsaidOfNumber = 1L << (forNumber * BitsALetter);
        connection = (uint)((expectedConnection / unsaidOfConnection * unsaidOfConnection) + connectionDigits);
        long nearest = (expectedNumber / unsaidOfNumber * unsaidOfNumber) + numberDigits;
        nearest += nearest - expectedNumber > unsaidOfNumber / 2 ? -unsaidOfNumber
            : expectedNumber - nearest > unsaidOfNumber / 2 ? unsaidOfNumber
            : 0;
        number = (uint)Math.Max(nearest, numberDigits);
        return true;
    }

    public void Dispose() => NativeMemory.AlignedFree(_lines);

    private static void WriteNumbers(byte* line, int letters, ulong connection, ulong number)
    {
        if (letters >= 2 * NumberSize)
        {
            *(ulong*)line = connection;
            *(ulong*)(line + NumberSize) = number;
            return;
        }

        int forConnection = letters / 2, forNumber = letters - forConnection;
        byte* connectionEnd = (byte*)&connection + NumberSize, numberEnd = (byte*)&number + NumberSize;
        for (int i = 0; i < forConnection; i++)
        {
            line[i] = *(connectionEnd - forConnection + i);
        }

        for (int i = 0; i < forNumber; i++)
        {
            line[forConnection + i] = *(numberEnd - forNumber + i);
        }
    }

    // One letter per four bits, the highest first in memory.
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
        foreach (byte letter in text)
        {
            if (letter is < (byte)'A' or > (byte)'P')
            {
                return false;
            }

            value = (value << BitsALetter) | (uint)(letter - 'A');
        }

        return true;
    }
}
