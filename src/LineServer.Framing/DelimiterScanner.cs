using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LineServer.Framing;

/// <summary>Finds all delimiters of a stretch of bytes in one sweep, a block at a time.</summary>
/// <remarks>Why not one search a line, and why an array in between: docs/decisions/0002-vector-sweep.md.</remarks>
internal static class DelimiterScanner
{
    /// <summary>Bytes in a block, and bits in its mask.</summary>
    public const int BlockSize = 64;

    /// <summary>
    /// Writes where each delimiter in <paramref name="bytes"/> from <paramref name="from"/> on ends (the position behind it), in order,
    /// until the bytes end or until another block might not fit.
    /// </summary>
    /// <param name="bytes">Where to look.</param>
    /// <param name="from">In: the first byte to look at. Out: the first byte not looked at.</param>
    /// <param name="delimiter">What to look for.</param>
    /// <param name="ends">Where to write; at least a block's worth (64). What lies behind the returned count is undefined.</param>
    /// <returns>How many were written.</returns>
    public static int Sweep(ReadOnlySpan<byte> bytes, ref int from, byte delimiter, Span<int> ends)
    {
        Debug.Assert(ends.Length >= BlockSize, "a block's delimiters may not fit");
        int count = SweepWholeBlocks(bytes, ref from, delimiter, ends);
        if (bytes.Length - from < BlockSize && count <= ends.Length - BlockSize)
        {
            ref int first = ref MemoryMarshal.GetReference(ends);
            ref int next = ref Flatten(PartOfBlock(bytes[from..], delimiter), from + 1, ref Unsafe.Add(ref first, count));
            from = bytes.Length;
            count = Distance(ref first, ref next);
        }

        return count;
    }

    /// <summary>Goes over lines, a block at a time: only how many there are, and where the last one ends.</summary>
    /// <param name="bytes">Where to look.</param>
    /// <param name="from">In: the first byte to look at. Out: no byte between <paramref name="end"/> and this is a delimiter.</param>
    /// <param name="end">In: where the first line begins. Out: behind the last whole line.</param>
    /// <param name="delimiter">What to look for.</param>
    /// <param name="maxLineSize">A line whose delimiter is not within so many bytes is left; at least a block's worth (64).</param>
    /// <param name="enough">The line that reaches this position is the last.</param>
    /// <returns>How many lines.</returns>
    public static int SweepRun(ReadOnlySpan<byte> bytes, ref int from, ref int end, byte delimiter, int maxLineSize, long enough)
    {
        Debug.Assert(maxLineSize >= BlockSize, "a line within a block may be too long");
        Vector512<byte> wanted = Vector512.Create(delimiter);
        ref byte start = ref MemoryMarshal.GetReference(bytes);
        nint offset = from;
        nint behind = end;
        int count = 0;
        while (offset < bytes.Length && behind < enough)
        {
            bool isWhole = bytes.Length - offset >= BlockSize;
            ulong mask = isWhole ? WholeBlock(ref Unsafe.Add(ref start, offset), wanted) : PartOfBlock(bytes[(int)offset..], delimiter);
            if (mask != 0)
            {
                // Of the lines that end in a block only the first can be long.
                if (offset + BitOperations.TrailingZeroCount(mask) - behind > maxLineSize)
                {
                    break;
                }

                ulong reaching = offset + BlockSize >= enough ? mask & (ulong.MaxValue << (int)Math.Max(0, enough - 1 - offset)) : 0;
                if (reaching != 0)
                {
                    mask &= reaching ^ (reaching - 1); // up to the first of them
                }

                count += BitOperations.PopCount(mask);
                behind = offset + BlockSize - BitOperations.LeadingZeroCount(mask);
                if (reaching != 0)
                {
                    offset = behind;
                    break;
                }
            }

            offset = isWhole ? offset + BlockSize : bytes.Length;
        }

        from = (int)offset;
        end = (int)behind;
        return count;
    }

    // Alone, without a call in it: the loop's state then stays in registers.
    private static int SweepWholeBlocks(ReadOnlySpan<byte> bytes, ref int from, byte delimiter, Span<int> ends)
    {
        Vector512<byte> wanted = Vector512.Create(delimiter);
        ref byte start = ref MemoryMarshal.GetReference(bytes);
        ref int first = ref MemoryMarshal.GetReference(ends);
        ref int next = ref first;
        ref int last = ref Unsafe.Add(ref first, ends.Length - BlockSize);
        nint offset = from;
        nint wholeBlocks = bytes.Length - BlockSize;
        for (; offset <= wholeBlocks && !Unsafe.IsAddressGreaterThan(ref next, ref last); offset += BlockSize)
        {
            ulong mask = WholeBlock(ref Unsafe.Add(ref start, offset), wanted);
            next = ref Flatten(mask, (int)offset + 1, ref next);
        }

        from = (int)offset;
        return Distance(ref first, ref next);
    }

    private static int Distance(ref int first, ref int next) => (int)((nuint)Unsafe.ByteOffset(ref first, ref next) / sizeof(int));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref int Flatten(ulong mask, int behind, ref int next)
    {
        while (mask != 0)
        {
            next = behind + BitOperations.TrailingZeroCount(mask);
            next = ref Unsafe.Add(ref next, 1);
            mask &= mask - 1;
        }

        return ref next;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong WholeBlock(ref byte start, Vector512<byte> wanted)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return Vector512.Equals(Vector512.LoadUnsafe(ref start), wanted).ExtractMostSignificantBits();
        }

        if (Vector256.IsHardwareAccelerated)
        {
            Vector256<byte> half = wanted.GetLower();
            uint low = Vector256.Equals(Vector256.LoadUnsafe(ref start), half).ExtractMostSignificantBits();
            uint high = Vector256.Equals(Vector256.LoadUnsafe(ref start, 32), half).ExtractMostSignificantBits();
            return low | ((ulong)high << 32);
        }

        byte delimiter = wanted[0];
        return Quarter(ref start, 0, delimiter) | Quarter(ref start, 16, delimiter)
            | Quarter(ref start, 32, delimiter) | Quarter(ref start, 48, delimiter);
    }

    /// <summary>The mask of fewer bytes than a block has; no byte outside <paramref name="bytes"/> is read.</summary>
    private static ulong PartOfBlock(ReadOnlySpan<byte> bytes, byte delimiter)
    {
        ulong mask = 0;
        if (bytes.Length < Vector128<byte>.Count)
        {
            for (int i = 0; i < bytes.Length; i++)
            {
                mask |= (bytes[i] == delimiter ? 1UL : 0UL) << i;
            }

            return mask;
        }

        // The last load overlaps the one before it: the same bits are set twice, which does no harm.
        ref byte start = ref MemoryMarshal.GetReference(bytes);
        int last = bytes.Length - Vector128<byte>.Count;
        for (int i = 0; i < last; i += Vector128<byte>.Count)
        {
            mask |= Quarter(ref start, i, delimiter);
        }

        return mask | Quarter(ref start, last, delimiter);
    }

    // Vector128 works everywhere: without hardware for it, the runtime's software version is the scalar loop we would write.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Quarter(ref byte start, int offset, byte delimiter) =>
        (ulong)Vector128.Equals(Vector128.LoadUnsafe(ref start, (nuint)offset), Vector128.Create(delimiter)).ExtractMostSignificantBits() << offset;
}
