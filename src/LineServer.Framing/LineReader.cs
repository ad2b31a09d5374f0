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
    // The format again, as fields that an inlined loop reads in one step.
    internal readonly int CarriageReturn; // -1, which is no byte, where none is stripped
    internal readonly int MaxLineSize;
    private readonly byte _delimiter;

    // Between reads.
    private long _searched; // bytes at the head of the buffer known to hold no delimiter
    private bool _skipping; // within the rest of an oversize line

    private StrongBox<OversizeLine>? _lastOversizeLine; // few streams have one

    // Of the current read.
    private LineScan? _scan;
    private int _takenBefore;

    // Starts[Index] of the scan is where the next line begins; Starts[1..Count] are behind a delimiter.
    internal int Index;
    internal int Count;

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

        /// <summary>A line: see <see cref="LineScan.FoundLine"/>.</summary>
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
    public OversizeLine LastOversizeLine => _lastOversizeLine?.Value ?? default;

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

    /// <summary>Bytes of a line that has begun and whose delimiter has not come, as far as they are held.</summary>
    public long PartialLineLength => _searched;

    /// <summary>What was read and not consumed.</summary>
    public ReadOnlySequence<byte> Unread => Scan.Buffer.Slice(Consumed);

    /// <summary>Of the read that is going on.</summary>
    internal LineScan Scan => _scan!;

    /// <summary>Where in the segment the next line begins.</summary>
    private int LineStart => Scan.Starts[Index];

    private SequencePosition Consumed => Scan.Buffer.GetPosition(LineStart, Scan.SegmentStart);

    /// <summary>Begins a read. Its bytes are those that the last read did not consume, and what has come since.</summary>
    /// <param name="buffer">All unconsumed bytes of the stream.</param>
    /// <param name="isCompleted">True if no more bytes will come.</param>
    /// <exception cref="InvalidOperationException">The last read was not ended.</exception>
    public void BeginRead(in ReadOnlySequence<byte> buffer, bool isCompleted)
    {
        if (_scan is not null)
        {
            throw new InvalidOperationException($"A read is going on: {nameof(EndRead)} comes first.");
        }

        Debug.Assert(_searched <= buffer.Length, "bytes were dropped that nobody consumed");
        _scan = LineScan.Take(buffer, isCompleted);
        _takenBefore = 0;
        IsExhausted = false;
        long searched = _searched;
        Seek(buffer.Start);
        _searched = searched;
        _scan.SweptTo = (int)Math.Min(searched, _scan.Segment.Length);
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
        int taken = DelimiterScanner.SweepRun(Scan.Segment.Span, ref Scan.SweptTo, ref end, _delimiter, MaxLineSize, (long)start + enough);
        if (taken == 0)
        {
            return false;
        }

        run = Scan.Segment.Span[start..end];
        int sweptTo = Scan.SweptTo;
        Enter(Scan.Segment, Scan.SegmentStart, end);
        Scan.SweptTo = sweptTo;
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
        examined = Scan.Buffer.End;
        Scan.GiveBack();
        _scan = null;
        _takenBefore += Index;
        Index = Count = 0;
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
            else if (Scan.SweptTo < Scan.Segment.Length)
            {
                Sweep();
            }
            else if (LineStart < Scan.Segment.Length)
            {
                step = StepAcrossSegments(out found);
            }
            else if (Scan.TryGetSegment(ref Scan.NextSegment, out SequencePosition start, out ReadOnlyMemory<byte> segment))
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
        int length = Scan.Starts[Index + 1] - 1 - LineStart;
        Step step = Oversize(start, length, out found);
        if (step != Step.End)
        {
            Index++;
            _takenBefore--;
        }

        IsExhausted = step == Step.End;
        return step;
    }

    private bool VisitWholeBlocks<TVisitor>(ref TVisitor visitor)
        where TVisitor : struct, ILineVisitor, allows ref struct
    {
        nint lineStart = LineStart;
        nint sweptTo = Scan.SweptTo;
        int taken = SweepWholeBlocks(ref Scan.SegmentReference, Scan.Segment.Length - DelimiterScanner.BlockSize, ref lineStart, ref sweptTo, ref visitor, out bool more);
        if (taken > 0)
        {
            // Only then: what is known of a line that has not ended yet must be kept.
            Enter(Scan.Segment, Scan.SegmentStart, (int)lineStart);
            _takenBefore += taken;
        }

        Scan.SweptTo = (int)sweptTo;
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
        Count = DelimiterScanner.Sweep(Scan.Segment.Span, ref Scan.SweptTo, _delimiter, Scan.Starts.AsSpan(1));
        _takenBefore += Index;
        Index = 0;
        Scan.Starts[0] = lineStart;
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
        long length = Scan.Segment.Length - LineStart;
        ReadOnlyMemory<byte> segment = Scan.Segment;
        SequencePosition segmentStart = Scan.SegmentStart;
        SequencePosition next = Scan.NextSegment;
        while (Scan.TryGetSegment(ref next, out SequencePosition start, out ReadOnlyMemory<byte> memory))
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
                : Found(Scan.Buffer.Slice(lineStart, length + 1), (int)content, LineKind.None, out found);
            if (step != Step.End)
            {
                Scan.NextSegment = next;
                Enter(memory, start, end + 1);
            }

            return step;
        }

        // A CR at the limit may still turn out to be the terminator's, unless nothing can follow.
        bool mayBeTerminator = segment.Span[^1] == CarriageReturn && !Scan.IsCompleted;
        bool isOversize = length - (mayBeTerminator ? 1 : 0) > MaxLineSize;
        if (!isOversize && !Scan.IsCompleted)
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
                Scan.NextSegment = next;
                Enter(segment, segmentStart, segment.Length);
                _skipping = true;
            }

            return step;
        }

        IncompleteLength = length;
        Scan.NextSegment = next;
        Enter(segment, segmentStart, segment.Length);
        if (Format.IncompleteLineBehavior == IncompleteLineBehavior.Deliver)
        {
            return Found(Scan.Buffer.Slice(lineStart, length), (int)length, LineKind.Incomplete, out found);
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
            _lastOversizeLine = new StrongBox<OversizeLine>(new OversizeLine(lengthSeen, Scan.Buffer.Slice(start, Math.Min(lengthSeen, OversizeLine.PrefixSize)).ToArray()));
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
                return Found(Scan.Buffer.Slice(start, MaxLineSize), MaxLineSize, LineKind.Truncated, out found);
        }
    }

    /// <summary>Drops the rest of an oversize line. False: its delimiter has not come.</summary>
    private bool SkipToDelimiter()
    {
        do
        {
            int from = LineStart;
            int end = Scan.Segment.Span[from..].IndexOf(_delimiter);
            if (end >= 0)
            {
                _skipping = false;
                Enter(Scan.Segment, Scan.SegmentStart, from + end + 1);
                return true;
            }

            Enter(Scan.Segment, Scan.SegmentStart, Scan.Segment.Length);
            if (!Scan.TryGetSegment(ref Scan.NextSegment, out SequencePosition start, out ReadOnlyMemory<byte> segment))
            {
                return false;
            }

            Enter(segment, start, lineStart: 0);
        }
        while (true);
    }

    private Step Found(in ReadOnlySequence<byte> raw, int length, LineKind kind, out FoundLine found)
    {
        Scan.SetFoundLine(raw);
        _takenBefore++;
        found = new FoundLine(length, (int)raw.Length, kind | LineKind.Found);
        return Step.Line;
    }

    private void Seek(SequencePosition position)
    {
        Scan.NextSegment = position;
        if (!Scan.TryGetSegment(ref Scan.NextSegment, out SequencePosition start, out ReadOnlyMemory<byte> segment))
        {
            start = position;
        }

        Enter(segment, start, lineStart: 0);
    }

    /// <summary>Goes on at the start of a line; what came before it is consumed.</summary>
    private void Enter(ReadOnlyMemory<byte> segment, SequencePosition segmentStart, int lineStart)
    {
        Scan.Segment = segment;
        Scan.SegmentStart = segmentStart;
        _takenBefore += Index;
        Index = Count = 0;
        Scan.Starts[0] = lineStart;
        Scan.SweptTo = lineStart;
        _searched = 0;
    }
}
