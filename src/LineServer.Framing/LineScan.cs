using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LineServer.Framing;

/// <summary>
/// What a <see cref="LineReader"/> knows of the read that is going on. Apart from the reader, of which each connection has one: readers of one thread take the
/// same scan in turn, so it stays in the cache, and an idle connection has none.
/// </summary>
[SuppressMessage("Design", "CA1051", Justification = "The reader's own state, kept apart: there is nothing to guard.")]
internal sealed class LineScan
{
    // A sweep ends when so many delimiters were found: enough to pay for the call, few enough to stay in the first cache.
    private const int StartsCapacity = 256;

    // A thread's scan while no read is going on there.
    [ThreadStatic]
    private static LineScan? _idle;

    public ReadOnlySequence<byte> Buffer;
    public bool IsCompleted;

    // Of the current segment. Starts[Index] is where the next line begins; Starts[1..Count] are behind a delimiter: see the reader.
    public int[] Starts = [];
    public int SweptTo;
    public ReadOnlyMemory<byte> Segment;
    public SequencePosition SegmentStart;
    public SequencePosition NextSegment;

    /// <summary>A line that is not in the array of starts.</summary>
    public ReadOnlySequence<byte> FoundLine;

    // A line that crosses segments, gathered into one piece.
    private byte[]? _gathered;
    private bool _isGathered;

    public ref byte SegmentReference => ref MemoryMarshal.GetReference(Segment.Span);

    public ref int StartsReference => ref MemoryMarshal.GetArrayDataReference(Starts);

    /// <summary>A scan for a read that begins on this thread.</summary>
    public static LineScan Take(in ReadOnlySequence<byte> buffer, bool isCompleted)
    {
        ref LineScan? idle = ref _idle;
        LineScan scan = idle ?? new LineScan { Starts = ArrayPool<int>.Shared.Rent(StartsCapacity) };
        idle = null;
        scan.Buffer = buffer;
        scan.IsCompleted = isCompleted;
        return scan;
    }

    /// <summary>The read has ended, here or on another thread. No buffer of it is kept alive.</summary>
    public void GiveBack()
    {
        Buffer = FoundLine = default;
        Segment = default;
        SegmentStart = NextSegment = default;
        ReturnGathered();
        ref LineScan? idle = ref _idle;
        if (idle is null)
        {
            idle = this;
        }
        else
        {
            // More than one read was going on, of handlers that waited within theirs.
            ArrayPool<int>.Shared.Return(Starts);
            Starts = [];
        }
    }

    public ReadOnlyMemory<byte> MemoryAt(ref readonly byte start, int length)
    {
        nint offset = Unsafe.ByteOffset(in SegmentReference, in start);
        return Segment.Slice((int)offset, length);
    }

    public void SetFoundLine(in ReadOnlySequence<byte> line)
    {
        FoundLine = line;
        _isGathered = false;
    }

    public ReadOnlyMemory<byte> GatherFoundLine()
    {
        if (FoundLine.IsSingleSegment)
        {
            return FoundLine.First;
        }

        int length = (int)FoundLine.Length;
        if (!_isGathered)
        {
            if (_gathered is null || _gathered.Length < length)
            {
                ReturnGathered();
                _gathered = ArrayPool<byte>.Shared.Rent(length);
            }

            FoundLine.CopyTo(_gathered);
            _isGathered = true;
        }

        return _gathered.AsMemory(0, length);
    }

    /// <summary>The next segment with something in it.</summary>
    public bool TryGetSegment(ref SequencePosition next, out SequencePosition start, out ReadOnlyMemory<byte> segment)
    {
        do
        {
            start = next;
            if (!Buffer.TryGet(ref next, out segment))
            {
                return false;
            }
        }
        while (segment.IsEmpty);

        return true;
    }

    private void ReturnGathered()
    {
        if (_gathered is not null)
        {
            ArrayPool<byte>.Shared.Return(_gathered);
            _gathered = null;
        }
    }
}
