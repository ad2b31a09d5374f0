using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LineServer.Framing;

/// <summary>Finds all delimiters in a span in one sweep, a block at a time.</summary>
/// <remarks>
/// docs/decisions/0002-vector-sweep.md says why it does not search line by line, and why the positions go
/// through an array.
/// </remarks>
internal static class DelimiterScanner
{
    /// <summary>Bytes in a block, and bits in its mask.</summary>
    public const int BlockSize = 64;

    /// <summary>
    /// Writes the position after each delimiter to <paramref name="ends"/>, in order. Stops at the end of the
    /// bytes, or when the delimiters of another block might not fit.
    /// </summary>
    /// <param name="bytes">The bytes to search.</param>
    /// <param name="from">In: the first byte to search. Out: the first byte not yet searched.</param>
    /// <param name="delimiter">The byte to search for.</param>
    /// <param name="ends">
    /// Receives the positions; at least <see cref="BlockSize"/> long. Elements beyond the returned count are
    /// undefined.
    /// </param>
    /// <returns>The number of positions written.</returns>
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

    /// <summary>
    /// Skips over whole lines, a block at a time; counts them and finds the end of the last.
    /// </summary>
    /// <param name="bytes">The bytes to search.</param>
    /// <param name="from">
    /// In: the first byte to search. Out: no byte from <paramref name="end"/> up to here is a delimiter.
    /// </param>
    /// <param name="end">In: the start of the first line. Out: the end of the last whole line.</param>
    /// <param name="delimiter">The byte that ends a line.</param>
    /// <param name="maxLineSize">
    /// The sweep stops before a line longer than this; at least <see cref="BlockSize"/>.
    /// </param>
    /// <param name="enough">The sweep stops after the line that reaches this position.</param>
    /// <returns>The number of lines.</returns>
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
                // Only the first line that ends in a block can have begun before it, and so be too long.
                if (offset + BitOperations.TrailingZeroCount(mask) - behind > maxLineSize)
                {
                    break;
                }

                ulong reaching = offset + BlockSize >= enough ? mask & (ulong.MaxValue << (int)Math.Max(0, enough - 1 - offset)) : 0;
                if (reaching != 0)
                {
                    mask &= reaching ^ (reaching - 1); // keep the bits up to the first of them
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

    // A method of its own, without calls in the loop, so that the loop's state stays in registers.
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

    /// <summary>
    /// The mask of fewer bytes than a block holds. Reads no byte outside <paramref name="bytes"/>.
    /// </summary>
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

        // The last load overlaps the one before it. Setting the same bits twice does no harm.
        ref byte start = ref MemoryMarshal.GetReference(bytes);
        int last = bytes.Length - Vector128<byte>.Count;
        for (int i = 0; i < last; i += Vector128<byte>.Count)
        {
            mask |= Quarter(ref start, i, delimiter);
        }

        return mask | Quarter(ref start, last, delimiter);
    }

    // Vector128 works everywhere. Without hardware support, the runtime falls back to the scalar loop that we
    // would have written.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Quarter(ref byte start, int offset, byte delimiter) =>
        (ulong)Vector128.Equals(Vector128.LoadUnsafe(ref start, (nuint)offset), Vector128.Create(delimiter)).ExtractMostSignificantBits() << offset;
}
