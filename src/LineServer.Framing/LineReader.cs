using System.Buffers;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LineServer.Framing;

/// <summary>
/// Finds the lines of one stream, read by read. It never waits and owns no buffer: pass it what a
/// <c>PipeReader</c> returned (<see cref="BeginRead"/>), take lines (<see langword="foreach"/>), then tell
/// the pipe what was consumed (<see cref="EndRead()"/>).
/// </summary>
/// <remarks>
/// The result never depends on how the stream was cut into reads and segments. Each byte is searched once,
/// however slowly its line arrives. A <see langword="break"/> out of an enumeration loses nothing: the next
/// enumerator continues there, and the next read finds the remaining lines again. Not thread-safe.
/// </remarks>
public sealed partial class LineReader
{
    // Copies of the format's values, which an inlined loop reads with one load.
    internal readonly int CarriageReturn; // -1, which matches no byte, if CR is data
    internal readonly int MaxLineSize;
    private readonly byte _delimiter;

    // State kept between reads.
    private long _searched; // bytes at the head of the buffer known to hold no delimiter
    private bool _skipping; // true while skipping the rest of an oversize line

    private StrongBox<OversizeLine>? _lastOversizeLine; // boxed because few streams have one

    // State of the current read.
    private LineScan? _scan;
    private int _takenBefore;

    // The scan's Starts[Index] is the start of the next line; each of Starts[1..Count] follows a delimiter.
    internal int Index;
    internal int Count;

    /// <summary>Creates a reader at the start of a stream.</summary>
    /// <exception cref="ArgumentException">
    /// <see cref="LineFormat.Mode"/> is not <see cref="FramingMode.Lines"/>, and the delimiter is not LF.
    /// </exception>
    public LineReader(LineFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        _mayBeCounted = format.Mode != FramingMode.Lines;
        if (_mayBeCounted && format.Delimiter != LineFormat.LineFeed)
        {
            throw new ArgumentException($"With {nameof(FramingMode)}.{format.Mode}, the delimiter must be LF.", nameof(format));
        }

        Format = format;
        MaxLineSize = format.MaxLineSize;
        CarriageReturn = format.StripsCarriageReturn ? LineFormat.CarriageReturn : -1;
        _delimiter = format.Delimiter;
    }

    /// <summary>The result of a step that the array of starts alone could not answer.</summary>
    internal enum Step
    {
        /// <summary>This read holds no further line.</summary>
        End,

        /// <summary>A line was found.</summary>
        Line,

        /// <summary>The array of starts may hold more lines.</summary>
        Again,
    }

    /// <summary>How the stream is split into lines.</summary>
    public LineFormat Format { get; }

    /// <summary>
    /// True once a line exceeded the limit under <see cref="OversizeLineBehavior.Close"/>. No more lines
    /// follow.
    /// </summary>
    public bool IsOversize { get; private set; }

    /// <summary>The number of lines that exceeded the limit.</summary>
    public long OversizeLines { get; private set; }

    /// <summary>
    /// The latest line that exceeded the limit, as far as it had arrived when the reader noticed it.
    /// </summary>
    public OversizeLine LastOversizeLine => _lastOversizeLine?.Value ?? default;

    /// <summary>
    /// The number of bytes after the last line at the end of the stream: with part of a counted message, its
    /// count too. 0 if the stream ended with a line, or has not ended.
    /// </summary>
    public long IncompleteLength { get; private set; }

    /// <summary>Lines taken since <see cref="BeginRead"/>.</summary>
    public int LinesTaken => _takenBefore + Index;

    /// <summary>
    /// True if an enumerator reached the end of the read, or an oversize or malformed line that closes the
    /// stream.
    /// </summary>
    public bool IsExhausted { get; private set; }

    /// <summary>True while the reader skips the rest of an oversize line.</summary>
    public bool IsSkipping => _skipping;

    /// <summary>
    /// True if an enumerator saw the beginning of a line whose end has not arrived.
    /// </summary>
    public bool HoldsPartialLine => _skipping || _searched > 0;

    /// <summary>
    /// The number of buffered bytes of a line whose end has not arrived; a count before it is included.
    /// </summary>
    public long PartialLineLength => _searched;

    /// <summary>Bytes of the current read that are not consumed yet.</summary>
    public ReadOnlySequence<byte> Unread => Scan.Buffer.Slice(Consumed);

    /// <summary>The state of the current read.</summary>
    internal LineScan Scan => _scan!;

    /// <summary>Where the next line begins, as an index into the current segment.</summary>
    private int LineStart => Scan.Starts[Index];

    private SequencePosition Consumed => Scan.Buffer.GetPosition(LineStart, Scan.SegmentStart);

    /// <summary>Begins a read over the bytes that the last read left and those that arrived since.</summary>
    /// <param name="buffer">All unconsumed bytes of the stream.</param>
    /// <param name="isCompleted">True if no more bytes will arrive.</param>
    /// <exception cref="InvalidOperationException">The previous read has not been ended.</exception>
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

    /// <summary>
    /// Enumerates the lines not taken yet. Call it only between <see cref="BeginRead"/> and
    /// <see cref="EndRead()"/>.
    /// </summary>
    public LineEnumerator GetEnumerator() => new(this);

    /// <summary>
    /// Takes the next line, where <see langword="foreach"/> does not fit. Returns false when
    /// <see cref="LineEnumerator.MoveNext"/> would.
    /// </summary>
    public bool TryRead(out Line line)
    {
        LineEnumerator lines = GetEnumerator();
        bool found = lines.MoveNext();
        line = lines.Current;
        return found;
    }

    /// <summary>
    /// Passes the lines not taken yet to <paramref name="visitor"/> until it returns false or none are left.
    /// </summary>
    public void ReadLines<TVisitor>(ref TVisitor visitor)
        where TVisitor : struct, ILineVisitor, allows ref struct
    {
        bool more = true;
        while (more)
        {
            if (Index == Count && !_skipping && !_mayBeCounted)
            {
                more = VisitWholeBlocks(ref visitor);
            }

            more = more && TryRead(out Line line) && visitor.OnLine(line);
        }
    }

    /// <summary>
    /// Takes a contiguous run of whole lines, terminators included, for callers that pass lines on unchanged.
    /// Returns false if there is no line, or if the next one does not qualify (it spans segments, may be too
    /// long, has no delimiter yet, or may be counted); <see cref="TryRead"/> tells which.
    /// </summary>
    /// <param name="enough">The run ends with the line that brings it to this many bytes.</param>
    /// <param name="run">The lines; valid until the read ends.</param>
    public bool TryReadRun(int enough, out ReadOnlySpan<byte> run) => TryReadRun(enough, out run, out _);

    /// <inheritdoc cref="TryReadRun(int, out ReadOnlySpan{byte})"/>
    /// <param name="enough">The run ends with the line that brings it to this many bytes.</param>
    /// <param name="run">The lines; valid until the read ends.</param>
    /// <param name="count">The number of lines in the run.</param>
    public bool TryReadRun(int enough, out ReadOnlySpan<byte> run, out int count)
    {
        run = default;
        count = 0;
        // Only the enumerator handles lines that a sweep has already found, and limits so small that a line
        // within one block may exceed them.
        if (_skipping || _mayBeCounted || Index < Count || MaxLineSize < DelimiterScanner.BlockSize)
        {
            return false;
        }

        int start = LineStart;
        int end = start;
        count = DelimiterScanner.SweepRun(Scan.Segment.Span, ref Scan.SweptTo, ref end, _delimiter, MaxLineSize, (long)start + enough);
        if (count == 0)
        {
            return false;
        }

        run = Scan.Segment.Span[start..end];
        int sweptTo = Scan.SweptTo;
        Enter(Scan.Segment, Scan.SegmentStart, end);
        Scan.SweptTo = sweptTo;
        _takenBefore += count;
        return true;
    }

    /// <summary>
    /// Takes exactly <paramref name="count"/> bytes of any value, starting after the last line taken (after
    /// its end, if that line was truncated). Invalidates existing enumerators. Returns false, and takes
    /// nothing, if not all of the bytes have arrived.
    /// </summary>
    public bool TryReadBytes(long count, out ReadOnlySequence<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        // These bytes are not a line, so what is known about them as a line no longer holds.
        _searched = 0;
        IsExhausted = false;
        bytes = default;
        if (_skipping && !SkipRest())
        {
            return false;
        }

        ReadOnlySequence<byte> unread = Unread;
        if (unread.Length < count)
        {
            return false;
        }

        bytes = unread.Slice(0, count);
        _isAfterCounted &= count == 0;
        _isNoticed &= count == 0;
        Seek(bytes.End);
        return true;
    }

    /// <summary>Ends a read and invalidates the lines taken from it.</summary>
    /// <returns>The position up to which the buffer was consumed.</returns>
    public SequencePosition EndRead() => EndRead(out _);

    /// <inheritdoc cref="EndRead()"/>
    /// <param name="examined">The position up to which the buffer was examined: its end.</param>
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

    /// <summary>The slow path: everything but an ordinary line within one segment.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal Step StepOverEdge(out FoundLine found)
    {
        if (_mayBeCounted)
        {
            return StepOverMessage(out found);
        }

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

    /// <summary>Handles the next line in the array of starts, which exceeds the limit.</summary>
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
            // Enter forgets what is known of the unfinished line, so call it only if a line was taken.
            Enter(Scan.Segment, Scan.SegmentStart, (int)lineStart);
            _takenBefore += taken;
        }

        Scan.SweptTo = (int)sweptTo;
        return more;
    }

    // Like the enumerator, but keeps the block's mask in a register in place of the array of starts. It stops
    // after the last whole block, or at a line that is too long; the enumerator handles the rest. A method of
    // its own, and without calls, so that all of its state stays in registers.
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
            // The line known to have no delimiter has one now, and the next read begins with another line.
            _searched = 0;
        }
    }

    /// <summary>
    /// The segment ended within a line: searches the following segments for its delimiter.
    /// </summary>
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

        // A CR at the limit may still turn out to be part of the terminator, unless the stream has ended.
        bool mayBeTerminator = segment.Span[^1] == CarriageReturn && !Scan.IsCompleted;
        bool isOversize = length - (mayBeTerminator ? 1 : 0) > MaxLineSize;
        if (!isOversize && !Scan.IsCompleted)
        {
            // The head of the line stays in the buffer. Without this, a line that arrives byte by byte would
            // be searched from its start each time: O(n²).
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
                // The reader stays before the line, so that it gives the same answer when asked again.
                IsOversize = true;
                _searched = 0;
                return Step.End;
            case OversizeLineBehavior.Discard:
                return Step.Again;
            default:
                return Found(Scan.Buffer.Slice(start, MaxLineSize), MaxLineSize, LineKind.Truncated, out found);
        }
    }

    /// <summary>
    /// Drops the rest of an oversize line. Returns false if its delimiter has not arrived.
    /// </summary>
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

    /// <summary>Continues at the start of a line; everything before it is consumed.</summary>
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
