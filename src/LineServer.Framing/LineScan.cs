using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LineServer.Framing;

/// <summary>
/// The state of a <see cref="LineReader"/> during a read. It is apart from the reader, of which every
/// connection has one: the readers of one thread share a scan in turn, so it stays in the cache and idle
/// connections hold none.
/// </summary>
[SuppressMessage("Design", "CA1051", Justification = "The reader's own state, kept apart: there is nothing to guard.")]
internal sealed class LineScan
{
    // A sweep stops at about this many delimiters: enough to pay for the call, few enough for the L1 cache.
    private const int StartsCapacity = 256;

    // The thread's scan while it is not in use.
    [ThreadStatic]
    private static LineScan? _idle;

    public ReadOnlySequence<byte> Buffer;
    public bool IsCompleted;

    // State of the current segment. Starts[Index] is the start of the next line; each of Starts[1..Count]
    // follows a delimiter (Index and Count are the reader's).
    public int[] Starts = [];
    public int SweptTo;
    public ReadOnlyMemory<byte> Segment;
    public SequencePosition SegmentStart;
    public SequencePosition NextSegment;

    /// <summary>The current line, if the array of starts cannot describe it.</summary>
    public ReadOnlySequence<byte> FoundLine;

    // A copy of a line that spans segments.
    private byte[]? _gathered;
    private bool _isGathered;

    public ref byte SegmentReference => ref MemoryMarshal.GetReference(Segment.Span);

    public ref int StartsReference => ref MemoryMarshal.GetArrayDataReference(Starts);

    /// <summary>Takes a scan for a read that begins on this thread.</summary>
    public static LineScan Take(in ReadOnlySequence<byte> buffer, bool isCompleted)
    {
        ref LineScan? idle = ref _idle;
        LineScan scan = idle ?? new LineScan { Starts = ArrayPool<int>.Shared.Rent(StartsCapacity) };
        idle = null;
        scan.Buffer = buffer;
        scan.IsCompleted = isCompleted;
        return scan;
    }

    /// <summary>
    /// Ends the read, on any thread. Drops all references to its buffers so that they can be collected.
    /// </summary>
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
            // Several reads overlapped on this thread: their handlers awaited in the middle of a read.
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

    /// <summary>Finds the next segment that is not empty.</summary>
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
