using System.Buffers;

namespace LineServer.Framing;

/// <summary>
/// Messages with a count before them (<see cref="FramingMode.OctetCounted"/>,
/// <see cref="FramingMode.Auto"/>), and the lines between them.
/// </summary>
/// <remarks>
/// A message stays in the buffer together with its count until all of it has arrived. So the count is parsed
/// again in each read, at most 11 bytes, and nothing has to be remembered about it. The array of starts is
/// not used: <c>Starts[0]</c> is the start of the next message, and <c>Index</c> and <c>Count</c> are 0.
/// </remarks>
public sealed partial class LineReader
{
    private readonly bool _mayBeCounted;

    // State kept between reads.
    private bool _isAfterCounted; // true from a counted message to the next byte, which may be an LF to skip
    private bool _isNoticed; // true if the message at the head is known to be oversize and was counted as such
    private long _skipCount; // bytes to skip, or 0 to skip to a delimiter
    private byte[]? _malformed;

    /// <summary>
    /// True once a message had no valid count under <see cref="FramingMode.OctetCounted"/>. No more lines
    /// follow.
    /// </summary>
    public bool IsMalformed => _malformed is not null;

    /// <summary>
    /// A copy of the bytes that should have been a count, and of those after them that had arrived, at most
    /// <see cref="OversizeLine.PrefixSize"/>. Empty unless <see cref="IsMalformed"/>.
    /// </summary>
    public ReadOnlyMemory<byte> MalformedPrefix => _malformed;

    private Step StepOverMessage(out FoundLine found)
    {
        Step step;
        do
        {
            step = StepOverAny(out found);
        }
        while (step == Step.Again);

        IsExhausted = step == Step.End;
        return step;
    }

    private Step StepOverAny(out FoundLine found)
    {
        found = default;
        if (IsMalformed || (_skipping && !SkipRest()) || !TryEnterSegment())
        {
            return Step.End;
        }

        ReadOnlySpan<byte> bytes = Scan.Segment.Span[LineStart..];
        if (_isAfterCounted)
        {
            _isAfterCounted = false;
            if (bytes[0] == LineFormat.LineFeed)
            {
                MoveTo(LineStart + 1);
                return Step.Again;
            }
        }

        switch (ParseCount(bytes, out OctetCount count))
        {
            case OperationStatus.Done:
                return StepOverCounted(bytes, count, out found);
            case OperationStatus.NeedMoreData when !Scan.IsCompleted:
                _searched = Unread.Length;
                return Step.End;
            case var _ when Format.Mode == FramingMode.Auto:
                return StepOverLine(bytes, out found);
            case OperationStatus.NeedMoreData:
                IncompleteLength = Unread.Length;
                Seek(Scan.Buffer.End);
                return Step.End;
            default:
                // The reader stays before the message, as it does before an oversize line that closes.
                _malformed = Prefix();
                _searched = 0;
                return Step.End;
        }
    }

    private bool TryEnterSegment()
    {
        if (LineStart < Scan.Segment.Length)
        {
            return true;
        }

        if (!Scan.TryGetSegment(ref Scan.NextSegment, out SequencePosition start, out ReadOnlyMemory<byte> segment))
        {
            return false;
        }

        Enter(segment, start, lineStart: 0);
        return true;
    }

    private OperationStatus ParseCount(ReadOnlySpan<byte> bytes, out OctetCount count)
    {
        OperationStatus status = OctetCount.Parse(bytes, out count);
        if (status != OperationStatus.NeedMoreData)
        {
            return status;
        }

        // The segment may end within the count.
        ReadOnlySequence<byte> unread = Unread;
        Span<byte> head = stackalloc byte[(int)Math.Min(unread.Length, OctetCount.LongestHead)];
        unread.Slice(0, head.Length).CopyTo(head);
        return OctetCount.Parse(head, out count);
    }

    private Step StepOverCounted(ReadOnlySpan<byte> bytes, in OctetCount count, out FoundLine found)
    {
        if (count.Value > MaxLineSize)
        {
            return StepOverOversizeCounted(count, out found);
        }

        int length = (int)count.Value;
        if (bytes.Length - count.HeadLength < length)
        {
            return StepOverCounted(count, length, LineKind.Counted, out found);
        }

        int content = LengthOfContent(bytes.Slice(count.HeadLength, length));
        found = new FoundLine(content, length, LineKind.Counted, LineStart + count.HeadLength);
        MoveTo(found.Start + length);
        _takenBefore++;
        _isAfterCounted = true;
        return Step.Line;
    }

    private Step StepOverOversizeCounted(in OctetCount count, out FoundLine found)
    {
        found = default;
        if (!_isNoticed)
        {
            OversizeLines++;
            _lastOversizeLine = new(new OversizeLine(count.Value, Prefix()));
            _isNoticed = true;
        }

        switch (Format.OversizeLineBehavior)
        {
            case OversizeLineBehavior.Close:
                IsOversize = true;
                _searched = 0;
                return Step.End;
            case OversizeLineBehavior.Discard:
                SkipCounted(count);
                return Step.Again;
            default:
                return StepOverCounted(count, MaxLineSize, LineKind.Counted | LineKind.Truncated, out found);
        }
    }

    /// <summary>
    /// A message that spans segments, has not arrived whole, or is too long: its first bytes are enough.
    /// </summary>
    private Step StepOverCounted(in OctetCount count, int enough, LineKind kind, out FoundLine found)
    {
        found = default;
        ReadOnlySequence<byte> unread = Unread;
        if (unread.Length - count.HeadLength >= enough)
        {
            ReadOnlySequence<byte> raw = unread.Slice(count.HeadLength, enough);
            SkipCounted(count);
            return Found(raw, kind == LineKind.Counted ? LengthOfContent(raw) : enough, kind, out found);
        }

        if (!Scan.IsCompleted)
        {
            _searched = unread.Length;
            return Step.End;
        }

        IncompleteLength = unread.Length;
        ReadOnlySequence<byte> part = unread.Slice(count.HeadLength);
        Seek(Scan.Buffer.End);
        return Format.IncompleteLineBehavior == IncompleteLineBehavior.Deliver && !part.IsEmpty
            ? Found(part, (int)part.Length, kind | LineKind.Incomplete, out found)
            : Step.End;
    }

    /// <summary>Between counted messages: a line that ends with LF.</summary>
    private Step StepOverLine(ReadOnlySpan<byte> bytes, out FoundLine found)
    {
        int known = (int)Math.Min(_searched, bytes.Length);
        int end = bytes[known..].IndexOf(LineFormat.LineFeed);
        if (end < 0)
        {
            return StepAcrossSegments(out found);
        }

        end += known;
        int content = end > 0 && bytes[end - 1] == LineFormat.CarriageReturn ? end - 1 : end;
        if (content > MaxLineSize)
        {
            int next = LineStart + end + 1;
            Step step = Oversize(Consumed, end, out found);
            if (step != Step.End)
            {
                MoveTo(next);
            }

            return step;
        }

        found = new FoundLine(content, end + 1, LineKind.None, LineStart);
        MoveTo(found.Start + end + 1);
        _takenBefore++;
        return Step.Line;
    }

    /// <summary>Skips a message with its count, as far as it has arrived.</summary>
    private void SkipCounted(in OctetCount count)
    {
        _skipCount = count.HeadLength + count.Value;
        _skipping = _isAfterCounted = true;
        _isNoticed = false;
        _ = SkipRest();
    }

    /// <summary>Skips the rest of an oversize line. Returns false if not all of it has arrived.</summary>
    private bool SkipRest()
    {
        if (_skipCount == 0)
        {
            return SkipToDelimiter();
        }

        long arrived = Math.Min(_skipCount, Unread.Length);
        Seek(Scan.Buffer.GetPosition(arrived, Consumed));
        _skipCount -= arrived;
        _skipping = _skipCount > 0;
        return !_skipping;
    }

    private byte[] Prefix()
    {
        ReadOnlySequence<byte> unread = Unread;
        return unread.Slice(0, Math.Min(unread.Length, OversizeLine.PrefixSize)).ToArray();
    }

    /// <summary>Continues within the segment; everything before it is consumed.</summary>
    private void MoveTo(int lineStart)
    {
        Scan.Starts[0] = lineStart;
        _searched = 0;
    }

    // Some senders count a terminator in.
    private static int LengthOfContent(ReadOnlySpan<byte> raw) => raw switch
    {
        [.. var content, LineFormat.CarriageReturn, LineFormat.LineFeed] => content.Length,
        [.. var content, LineFormat.LineFeed] => content.Length,
        _ => raw.Length,
    };

    private static int LengthOfContent(in ReadOnlySequence<byte> raw)
    {
        Span<byte> last = stackalloc byte[(int)Math.Min(raw.Length, 2)];
        raw.Slice(raw.Length - last.Length).CopyTo(last);
        return (int)raw.Length - last.Length + LengthOfContent(last);
    }
}
