namespace LineServer.Framing.Tests;

/// <summary>A line as the reference parser sees it: where it lies in the stream, and where the next one begins.</summary>
internal readonly record struct ExpectedLine(int Start, int Length, int RawLength, int Next, bool IsTruncated, bool IsIncomplete);

/// <summary>What is to be said of a stream of which this much has come.</summary>
internal sealed class Verdict
{
    public List<ExpectedLine> Lines { get; } = [];

    public int Consumed { get; private set; }

    public int OversizeLines { get; private set; }

    public int LastOversizeStart { get; private set; }

    public int IncompleteLength { get; private set; }

    public bool IsOversize { get; private set; }

    public bool HoldsPartialLine { get; private set; }

    public bool IsSkipping { get; private set; }

    /// <summary>The reference parser: one search a line, from the start of the stream, all in one piece.</summary>
    public static Verdict Of(ReadOnlySpan<byte> stream, LineFormat format, bool isCompleted)
    {
        Verdict verdict = new();
        int start = 0;
        while (start < stream.Length && !verdict.IsOversize)
        {
            int found = stream[start..].IndexOf(format.Delimiter);
            int end = found < 0 ? stream.Length : start + found;
            int next = found < 0 ? end : end + 1;
            bool endsInCarriageReturn = format.Delimiter == '\n' && end > start && stream[end - 1] == '\r' && (found >= 0 || !isCompleted);
            verdict.Add(start, endsInCarriageReturn ? end - 1 - start : end - start, end, next, format, isCompleted);
            start = next;
        }

        return verdict;
    }

    private void Add(int start, int length, int end, int next, LineFormat format, bool isCompleted)
    {
        bool isTerminated = next > end;
        Consumed = next;
        if (length > format.MaxLineSize)
        {
            OversizeLines++;
            LastOversizeStart = start;
            IsOversize = format.OversizeLineBehavior == OversizeLineBehavior.Close;
            Consumed = IsOversize ? start : next;
            IsSkipping = HoldsPartialLine = !IsOversize && !isTerminated;
            if (format.OversizeLineBehavior == OversizeLineBehavior.Truncate)
            {
                Lines.Add(new ExpectedLine(start, format.MaxLineSize, format.MaxLineSize, next, IsTruncated: true, IsIncomplete: false));
            }
        }
        else if (isTerminated)
        {
            Lines.Add(new ExpectedLine(start, length, next - start, next, IsTruncated: false, IsIncomplete: false));
        }
        else if (!isCompleted)
        {
            HoldsPartialLine = true;
            Consumed = start;
        }
        else
        {
            IncompleteLength = end - start;
            if (format.IncompleteLineBehavior == IncompleteLineBehavior.Deliver)
            {
                Lines.Add(new ExpectedLine(start, length, length, next, IsTruncated: false, IsIncomplete: true));
            }
        }
    }
}
