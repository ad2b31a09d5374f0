using System.Buffers;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LineServer.Framing;

/// <summary>
/// Finds the lines of one stream, read by read. It waits for nothing and owns no buffer: give it what a <c>PipeReader</c> has
/// (<see cref="BeginRead"/>), take lines (<see langword="foreach"/>), and give back what was consumed (<see cref="EndRead()"/>).
/// </summary>
/// <remarks>
/// What it says of a stream never depends on how the stream was cut into reads and segments. However slowly a line arrives, its bytes
/// are searched once. An enumerator's lines may be left untaken (<see langword="break"/>): the next enumerator goes on there, and the
/// next read finds them again. Not for several threads at once.
/// </remarks>
public sealed class LineReader
{
    // A sweep ends when so many delimiters were found: enough to pay for the call, few enough to stay in the first cache.
    private const int StartsCapacity = 256;

    // A thread's array of starts, while no read is going on there: one read after the other takes it, faster than from a pool.
    [ThreadStatic]
    private static int[]? s_starts;

    // The format again, as fields that an inlined loop reads in one step.
    internal readonly int CarriageReturn; // -1, which is no byte, where none is stripped
    internal readonly int MaxLineSize;
    private readonly byte _delimiter;

    // Between reads.
    private long _searched; // bytes at the head of the buffer known to hold no delimiter
    private bool _skipping; // within the rest of an oversize line

    // Of the current read.
    private ReadOnlySequence<byte> _buffer;
    private bool _isCompleted;
    private int _takenBefore;

    // Of the current segment. Starts[Index] is where the next line begins; Starts[1..Count] are behind a delimiter.
    internal int Index;
    internal int Count;
    private int[]? _starts;
    private int _sweptTo;
    private ReadOnlyMemory<byte> _segment;
    private SequencePosition _segmentStart;
    private SequencePosition _nextSegment;

    // A line that crosses segments, gathered into one piece.
    private byte[]? _gathered;
    private bool _isGathered;

    /// <summary>A reader at the start of a stream.</summary>
    public LineReader(LineFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        Format = format;
        MaxLineSize = format.MaxLineSize;
        CarriageReturn = format.StripsCarriageReturn ? LineFormat.CarriageReturn : -1;
        _delimiter = format.Delimiter;
    }

    /// <summary>What a step that is not from one end to the next came to.</summary>
    internal enum Step
    {
        /// <summary>Nothing more.</summary>
        End,

        /// <summary>A line: see <see cref="FoundLine"/>.</summary>
        Line,

        /// <summary>There may be more in the array of starts.</summary>
        Again,
    }

    /// <summary>The rules that the stream is read by.</summary>
    public LineFormat Format { get; }

    /// <summary>
    /// True once a line was longer than the limit and <see cref="OversizeLineBehavior.Close"/> is set: no line comes any more.
    /// </summary>
    public bool IsOversize { get; private set; }

    /// <summary>Lines longer than the limit so far.</summary>
    public long OversizeLines { get; private set; }

    /// <summary>The newest line that was longer than the limit, as much as was seen of it when it was noticed.</summary>
    public OversizeLine LastOversizeLine { get; private set; }

    /// <summary>Bytes after the last delimiter, when the stream ended there; 0 if it ended with a line, or has not ended.</summary>
    public long IncompleteLength { get; private set; }

    /// <summary>Lines taken since <see cref="BeginRead"/>.</summary>
    public int LinesTaken => _takenBefore + Index;

    /// <summary>True if an enumerator came to the end of what was read, or to an oversize line that closes the stream.</summary>
    public bool IsExhausted { get; private set; }

    /// <summary>True within the rest of an oversize line, which is skipped.</summary>
    public bool IsSkipping => _skipping;

    /// <summary>True if a line has begun whose delimiter has not come, as far as an enumerator has looked.</summary>
    public bool HoldsPartialLine => _skipping || _searched > 0;

    /// <summary>What was read and not consumed.</summary>
    public ReadOnlySequence<byte> Unread => _buffer.Slice(Consumed);

    internal ref byte SegmentReference => ref MemoryMarshal.GetReference(_segment.Span);

    internal ref int StartsReference => ref MemoryMarshal.GetArrayDataReference(_starts!);

    internal ReadOnlySequence<byte> FoundLine { get; private set; }

    /// <summary>Where in the segment the next line begins.</summary>
    private int LineStart => _starts![Index];

    private SequencePosition Consumed => _buffer.GetPosition(LineStart, _segmentStart);

    /// <summary>Begins a read. Its bytes are those that the last read did not consume, and what has come since.</summary>
    /// <param name="buffer">All unconsumed bytes of the stream.</param>
    /// <param name="isCompleted">True if no more bytes will come.</param>
    /// <exception cref="InvalidOperationException">The last read was not ended.</exception>
    public void BeginRead(in ReadOnlySequence<byte> buffer, bool isCompleted)
    {
        if (_starts is not null)
        {
            throw new InvalidOperationException($"A read is going on: {nameof(EndRead)} comes first.");
        }

        Debug.Assert(_searched <= buffer.Length, "bytes were dropped that nobody consumed");
        _starts = RentStarts();
        _buffer = buffer;
        _isCompleted = isCompleted;
        _takenBefore = 0;
        IsExhausted = false;
        long searched = _searched;
        Seek(buffer.Start);
        _searched = searched;
        _sweptTo = (int)Math.Min(searched, _segment.Length);
    }

    /// <summary>The lines not taken yet. Only between <see cref="BeginRead"/> and <see cref="EndRead()"/>.</summary>
    public LineEnumerator GetEnumerator() => new(this);

    /// <summary>Takes the next line, for those who cannot use <see langword="foreach"/>. False: see <see cref="LineEnumerator.MoveNext"/>.</summary>
    public bool TryRead(out Line line)
    {
        LineEnumerator lines = GetEnumerator();
        bool found = lines.MoveNext();
        line = lines.Current;
        return found;
    }

    /// <summary>Gives the lines not taken yet to <paramref name="visitor"/>, until it has enough or there are no more.</summary>
    public void ReadLines<TVisitor>(ref TVisitor visitor)
        where TVisitor : struct, ILineVisitor, allows ref struct
    {
        bool more = true;
        while (more)
        {
            if (Index == Count && !_skipping)
            {
                more = VisitWholeBlocks(ref visitor);
            }

            more = more && TryRead(out Line line) && visitor.OnLine(line);
        }
    }

    /// <summary>
    /// Takes whole lines that lie side by side, terminators included, in one piece: for those who pass lines on as they came. False: the next line is
    /// none of that kind (it crosses segments, may be too long, or has no end yet), or there is none; <see cref="TryRead"/> tells.
    /// </summary>
    /// <param name="enough">Bytes: the run ends with the line that reaches them.</param>
    /// <param name="run">The lines; valid until the read ends.</param>
    public bool TryReadRun(int enough, out ReadOnlySpan<byte> run)
    {
        run = default;
        // Lines that a sweep has found already, and limits that a line within a block may exceed, are the enumerator's.
        if (_skipping || Index < Count || MaxLineSize < DelimiterScanner.BlockSize)
        {
            return false;
        }

        int start = LineStart;
        int end = start;
        int taken = DelimiterScanner.SweepRun(_segment.Span, ref _sweptTo, ref end, _delimiter, MaxLineSize, (long)start + enough);
        if (taken == 0)
        {
            return false;
        }

        run = _segment.Span[start..end];
        int sweptTo = _sweptTo;
        Enter(_segment, _segmentStart, end);
        _sweptTo = sweptTo;
        _takenBefore += taken;
        return true;
    }

    /// <summary>
    /// Takes exactly <paramref name="count"/> bytes, whatever they are, from behind the last line taken; of a truncated one, from behind
    /// its delimiter. Enumerators made before it are void. False: not all of them have been read yet, and nothing was taken.
    /// </summary>
    public bool TryReadBytes(long count, out ReadOnlySequence<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        // The bytes are no line: what was found out about them as one is void.
        _searched = 0;
        IsExhausted = false;
        bytes = default;
        if (_skipping && !SkipToDelimiter())
        {
            return false;
        }

        ReadOnlySequence<byte> unread = Unread;
        if (unread.Length < count)
        {
            return false;
        }

        bytes = unread.Slice(0, count);
        Seek(bytes.End);
        return true;
    }

    /// <summary>Ends a read; lines taken from it are void.</summary>
    /// <returns>Up to where the buffer was consumed.</returns>
    public SequencePosition EndRead() => EndRead(out _);

    /// <inheritdoc cref="EndRead()"/>
    /// <param name="examined">Up to where it was examined: its end.</param>
    public SequencePosition EndRead(out SequencePosition examined)
    {
        SequencePosition consumed = Consumed;
        examined = _buffer.End;
        ReturnStarts(_starts!);
        _starts = null;
        _takenBefore += Index;
        Index = Count = 0;
        ReturnGathered();
        // An idle connection must not keep the buffers of its last read alive.
        FoundLine = default;
        _buffer = default;
        _segment = default;
        _segmentStart = _nextSegment = default;
        return consumed;
    }

    /// <summary>All that an ordinary line within its segment does not need.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal Step StepOverEdge(out FoundLine found)
    {
        found = default;
        Step step = Step.Again;
        while (step == Step.Again && Index >= Count)
        {
            if (_skipping && !SkipToDelimiter())
            {
                step = Step.End;
            }
            else if (_sweptTo < _segment.Length)
            {
                Sweep();
            }
            else if (LineStart < _segment.Length)
            {
                step = StepAcrossSegments(out found);
            }
            else if (TryGetSegment(ref _nextSegment, out SequencePosition start, out ReadOnlyMemory<byte> segment))
            {
                Enter(segment, start, lineStart: 0);
            }
            else
            {
                step = Step.End;
            }
        }

        IsExhausted = step == Step.End;
        return step;
    }

    /// <summary>The next line in the array of starts, which the enumerator found to be longer than the limit.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal Step StepOverOversize(out FoundLine found)
    {
        SequencePosition start = Consumed;
        int length = _starts![Index + 1] - 1 - LineStart;
        Step step = Oversize(start, length, out found);
        if (step != Step.End)
        {
            Index++;
            _takenBefore--;
        }

        IsExhausted = step == Step.End;
        return step;
    }

    internal ReadOnlyMemory<byte> MemoryAt(ref readonly byte start, int length)
    {
        nint offset = Unsafe.ByteOffset(in SegmentReference, in start);
        return _segment.Slice((int)offset, length);
    }

    internal ReadOnlyMemory<byte> GatherFoundLine()
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

    private bool VisitWholeBlocks<TVisitor>(ref TVisitor visitor)
        where TVisitor : struct, ILineVisitor, allows ref struct
    {
        nint lineStart = LineStart;
        nint sweptTo = _sweptTo;
        int taken = SweepWholeBlocks(ref SegmentReference, _segment.Length - DelimiterScanner.BlockSize, ref lineStart, ref sweptTo, ref visitor, out bool more);
        if (taken > 0)
        {
            // Only then: what is known of a line that has not ended yet must be kept.
            Enter(_segment, _segmentStart, (int)lineStart);
            _takenBefore += taken;
        }

        _sweptTo = (int)sweptTo;
        return more;
    }

    // What the array of starts is to an enumerator, a register is here: the mask of the block. Up to the last whole block, or to a line
    // that is too long; what follows is the enumerator's. Alone, and without a call in it, so that all its state stays in registers.
    private int SweepWholeBlocks<TVisitor>(
        ref byte segment, nint lastWholeBlock, ref nint lineStart, ref nint sweptTo, ref TVisitor visitor, out bool more)
        where TVisitor : struct, ILineVisitor, allows ref struct
    {
        TVisitor local = visitor;
        Vector512<byte> wanted = Vector512.Create(_delimiter);
        int carriageReturn = CarriageReturn;
        int maxLineSize = MaxLineSize;
        nint start = lineStart;
        nint offset = sweptTo;
        int taken = 0;
        for (; offset <= lastWholeBlock; offset += DelimiterScanner.BlockSize)
        {
            ulong mask = DelimiterScanner.WholeBlock(ref Unsafe.Add(ref segment, offset), wanted);
            while (mask != 0)
            {
                nint next = offset + BitOperations.TrailingZeroCount(mask) + 1;
                int length = (int)(next - start) - 1;
                if (length > 0 && Unsafe.Add(ref segment, next - 2) == carriageReturn)
                {
                    length--;
                }

                if (length > maxLineSize)
                {
                    more = true;
                    sweptTo = next - 1;
                    goto Stop;
                }

                taken++;
                Line line = new(in Unsafe.Add(ref segment, start), length, (int)(next - start), this, LineKind.None);
                start = next;
                mask &= mask - 1;
                if (!local.OnLine(line))
                {
                    more = false;
                    sweptTo = start;
                    goto Stop;
                }
            }
        }

        more = true;
        sweptTo = offset;

    Stop:
        lineStart = start;
        visitor = local;
        return taken;
    }

    private void Sweep()
    {
        int lineStart = LineStart;
        Count = DelimiterScanner.Sweep(_segment.Span, ref _sweptTo, _delimiter, _starts.AsSpan(1));
        _takenBefore += Index;
        Index = 0;
        _starts![0] = lineStart;
        if (Count > 0)
        {
            // The line that was known to have no delimiter has one now; the next read begins with another line.
            _searched = 0;
        }
    }

    /// <summary>The segment ended within a line: goes on to where the line's delimiter is, or to the end of what was read.</summary>
    private Step StepAcrossSegments(out FoundLine found)
    {
        SequencePosition lineStart = Consumed;
        long length = _segment.Length - LineStart;
        ReadOnlyMemory<byte> segment = _segment;
        SequencePosition segmentStart = _segmentStart;
        SequencePosition next = _nextSegment;
        while (TryGetSegment(ref next, out SequencePosition start, out ReadOnlyMemory<byte> memory))
        {
            ReadOnlySpan<byte> bytes = memory.Span;
            int known = (int)Math.Clamp(_searched - length, 0, bytes.Length);
            int end = bytes[known..].IndexOf(_delimiter);
            if (end < 0)
            {
                length += bytes.Length;
                (segment, segmentStart) = (memory, start);
                continue;
            }

            end += known;
            length += end;
            byte last = end > 0 ? bytes[end - 1] : segment.Span[^1];
            long content = last == CarriageReturn ? length - 1 : length;
            Step step = content > MaxLineSize
                ? Oversize(lineStart, length, out found)
                : Found(_buffer.Slice(lineStart, length + 1), (int)content, LineKind.None, out found);
            if (step != Step.End)
            {
                _nextSegment = next;
                Enter(memory, start, end + 1);
            }

            return step;
        }

        // A CR at the limit may still turn out to be the terminator's, unless nothing can follow.
        bool mayBeTerminator = segment.Span[^1] == CarriageReturn && !_isCompleted;
        bool isOversize = length - (mayBeTerminator ? 1 : 0) > MaxLineSize;
        if (!isOversize && !_isCompleted)
        {
            // The line's head stays in the buffer; without this, a line arriving byte by byte would be searched from its start each
            // time: O(n²).
            _searched = length;
            found = default;
            return Step.End;
        }

        if (isOversize)
        {
            Step step = Oversize(lineStart, length, out found);
            if (step != Step.End)
            {
                _nextSegment = next;
                Enter(segment, segmentStart, segment.Length);
                _skipping = true;
            }

            return step;
        }

        IncompleteLength = length;
        _nextSegment = next;
        Enter(segment, segmentStart, segment.Length);
        if (Format.IncompleteLineBehavior == IncompleteLineBehavior.Deliver)
        {
            return Found(_buffer.Slice(lineStart, length), (int)length, LineKind.Incomplete, out found);
        }

        found = default;
        return Step.End;
    }

    private Step Oversize(SequencePosition start, long lengthSeen, out FoundLine found)
    {
        found = default;
        if (!IsOversize)
        {
            OversizeLines++;
            LastOversizeLine = new OversizeLine(lengthSeen, _buffer.Slice(start, Math.Min(lengthSeen, OversizeLine.PrefixSize)).ToArray());
        }

        switch (Format.OversizeLineBehavior)
        {
            case OversizeLineBehavior.Close:
                // The reader stays before the line: asked again, it says the same.
                IsOversize = true;
                _searched = 0;
                return Step.End;
            case OversizeLineBehavior.Discard:
                return Step.Again;
            default:
                return Found(_buffer.Slice(start, MaxLineSize), MaxLineSize, LineKind.Truncated, out found);
        }
    }

    /// <summary>Drops the rest of an oversize line. False: its delimiter has not come.</summary>
    private bool SkipToDelimiter()
    {
        do
        {
            int from = LineStart;
            int end = _segment.Span[from..].IndexOf(_delimiter);
            if (end >= 0)
            {
                _skipping = false;
                Enter(_segment, _segmentStart, from + end + 1);
                return true;
            }

            Enter(_segment, _segmentStart, _segment.Length);
            if (!TryGetSegment(ref _nextSegment, out SequencePosition start, out ReadOnlyMemory<byte> segment))
            {
                return false;
            }

            Enter(segment, start, lineStart: 0);
        }
        while (true);
    }

    private Step Found(in ReadOnlySequence<byte> raw, int length, LineKind kind, out FoundLine found)
    {
        FoundLine = raw;
        _isGathered = false;
        _takenBefore++;
        found = new FoundLine(length, (int)raw.Length, kind | LineKind.Found);
        return Step.Line;
    }

    private void Seek(SequencePosition position)
    {
        _nextSegment = position;
        if (!TryGetSegment(ref _nextSegment, out SequencePosition start, out ReadOnlyMemory<byte> segment))
        {
            start = position;
        }

        Enter(segment, start, lineStart: 0);
    }

    /// <summary>Goes on at the start of a line; what came before it is consumed.</summary>
    private void Enter(ReadOnlyMemory<byte> segment, SequencePosition segmentStart, int lineStart)
    {
        _segment = segment;
        _segmentStart = segmentStart;
        _takenBefore += Index;
        Index = Count = 0;
        _starts![0] = lineStart;
        _sweptTo = lineStart;
        _searched = 0;
    }

    private bool TryGetSegment(ref SequencePosition next, out SequencePosition start, out ReadOnlyMemory<byte> segment)
    {
        do
        {
            start = next;
            if (!_buffer.TryGet(ref next, out segment))
            {
                return false;
            }
        }
        while (segment.IsEmpty);

        return true;
    }

    private static int[] RentStarts()
    {
        ref int[]? own = ref s_starts;
        int[]? starts = own;
        own = null;
        return starts ?? ArrayPool<int>.Shared.Rent(StartsCapacity);
    }

    private static void ReturnStarts(int[] starts)
    {
        ref int[]? own = ref s_starts;
        if (own is null)
        {
            own = starts;
        }
        else
        {
            // Two reads were going on: of a handler that waited within one, and resumed on this thread.
            ArrayPool<int>.Shared.Return(starts);
        }
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
