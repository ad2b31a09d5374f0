using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace LineServer.Framing.Tests;

/// <summary>A line as the reference parser sees it: where it lies in the stream, and where the next one begins.</summary>
internal readonly record struct ExpectedLine(int Start, int Length, int RawLength, int Next, bool IsTruncated, bool IsIncomplete, bool IsCounted);

/// <summary>What is to be said of a stream of which this much has come.</summary>
internal sealed partial class Verdict
{
    public List<ExpectedLine> Lines { get; } = [];

    public int Consumed { get; private set; }

    public int OversizeLines { get; private set; }

    public int LastOversizeStart { get; private set; }

    public int IncompleteLength { get; private set; }

    /// <summary>The count of the latest oversize message; 0 if that was a line.</summary>
    public long LastOversizeCount { get; private set; }

    public bool IsOversize { get; private set; }

    public bool IsMalformed { get; private set; }

    public bool HoldsPartialLine { get; private set; }

    public bool IsSkipping { get; private set; }

    /// <summary>The reference parser: one search a line, from the start of the stream, all in one piece.</summary>
    public static Verdict Of(ReadOnlySpan<byte> stream, LineFormat format, bool isCompleted)
    {
        Verdict verdict = new();
        if (format.Mode != FramingMode.Lines)
        {
            verdict.AddMessages(stream, format, isCompleted);
            return verdict;
        }

        int start = 0;
        while (start < stream.Length && !verdict.IsOversize)
        {
            start = verdict.AddLine(stream, start, format, isCompleted);
        }

        return verdict;
    }

    [GeneratedRegex(@"\G[1-9][0-9]{0,9} ", RegexOptions.CultureInvariant, 60_000)]
    private static partial Regex Count { get; }

    [GeneratedRegex(@"\G[1-9][0-9]{0,9}\z", RegexOptions.CultureInvariant, 60_000)]
    private static partial Regex CutCount { get; }

    private void AddMessages(ReadOnlySpan<byte> stream, LineFormat format, bool isCompleted)
    {
        string text = Encoding.Latin1.GetString(stream);
        bool isAfterCounted = false;
        int start = 0;
        while (start < text.Length && !IsOversize && !IsMalformed)
        {
            bool isSkipped = isAfterCounted && text[start] == '\n';
            isAfterCounted = false;
            if (isSkipped)
            {
                start++;
                Consumed = start;
            }
            else if (Count.Match(text, start) is { Success: true } count)
            {
                start = AddCounted(text, start, start + count.Length, long.Parse(count.Value, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture), format, isCompleted);
                isAfterCounted = true;
            }
            else if (CutCount.IsMatch(text, start) && (!isCompleted || format.Mode == FramingMode.OctetCounted))
            {
                start = AddPart(text, start, text.Length, isTruncated: false, format, isCompleted);
            }
            else if (format.Mode == FramingMode.Auto)
            {
                start = AddLine(stream, start, format, isCompleted);
            }
            else
            {
                IsMalformed = true;
                Consumed = start;
            }
        }
    }

    private int AddCounted(string text, int start, int content, long count, LineFormat format, bool isCompleted)
    {
        bool isTooLong = count > format.MaxLineSize;
        int next = (int)Math.Min(content + count, int.MaxValue);
        if (isTooLong)
        {
            OversizeLines++;
            (LastOversizeStart, LastOversizeCount) = (start, count);
            IsOversize = format.OversizeLineBehavior == OversizeLineBehavior.Close;
            Consumed = IsOversize ? start : Math.Min(next, text.Length);
        }

        if (!isTooLong && next <= text.Length)
        {
            string message = text[content..next];
            int terminator = message.EndsWith("\r\n", StringComparison.Ordinal) ? 2 : message.EndsWith('\n') ? 1 : 0;
            Lines.Add(new ExpectedLine(content, (int)count - terminator, (int)count, next, IsTruncated: false, IsIncomplete: false, IsCounted: true));
            Consumed = next;
        }
        else if (isTooLong && format.OversizeLineBehavior == OversizeLineBehavior.Truncate && content + format.MaxLineSize <= text.Length)
        {
            Lines.Add(new ExpectedLine(content, format.MaxLineSize, format.MaxLineSize, next, IsTruncated: true, IsIncomplete: false, IsCounted: true));
            IsSkipping = HoldsPartialLine = next > text.Length;
        }
        else if (isTooLong && format.OversizeLineBehavior == OversizeLineBehavior.Discard)
        {
            IsSkipping = HoldsPartialLine = next > text.Length;
        }
        else if (!IsOversize)
        {
            AddPart(text, start, content, isTooLong, format, isCompleted);
        }

        return Math.Min(next, text.Length);
    }

    private int AddPart(string text, int start, int content, bool isTruncated, LineFormat format, bool isCompleted)
    {
        HoldsPartialLine = !isCompleted;
        Consumed = isCompleted ? text.Length : start;
        IncompleteLength = isCompleted ? text.Length - start : 0;
        int length = text.Length - content;
        if (isCompleted && length > 0 && format.IncompleteLineBehavior == IncompleteLineBehavior.Deliver)
        {
            Lines.Add(new ExpectedLine(content, length, length, text.Length, isTruncated, IsIncomplete: true, IsCounted: true));
        }

        return text.Length;
    }

    private int AddLine(ReadOnlySpan<byte> stream, int start, LineFormat format, bool isCompleted)
    {
        int found = stream[start..].IndexOf(format.Delimiter);
        int end = found < 0 ? stream.Length : start + found;
        int next = found < 0 ? end : end + 1;
        bool endsInCarriageReturn = format.Delimiter == '\n' && end > start && stream[end - 1] == '\r' && (found >= 0 || !isCompleted);
        Add(start, endsInCarriageReturn ? end - 1 - start : end - start, end, next, format, isCompleted);
        return next;
    }

    private void Add(int start, int length, int end, int next, LineFormat format, bool isCompleted)
    {
        bool isTerminated = next > end;
        Consumed = next;
        if (length > format.MaxLineSize)
        {
            OversizeLines++;
            (LastOversizeStart, LastOversizeCount) = (start, 0);
            IsOversize = format.OversizeLineBehavior == OversizeLineBehavior.Close;
            Consumed = IsOversize ? start : next;
            IsSkipping = HoldsPartialLine = !IsOversize && !isTerminated;
            if (format.OversizeLineBehavior == OversizeLineBehavior.Truncate)
            {
                Lines.Add(new ExpectedLine(start, format.MaxLineSize, format.MaxLineSize, next, IsTruncated: true, IsIncomplete: false, IsCounted: false));
            }
        }
        else if (isTerminated)
        {
            Lines.Add(new ExpectedLine(start, length, next - start, next, IsTruncated: false, IsIncomplete: false, IsCounted: false));
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
                Lines.Add(new ExpectedLine(start, length, length, next, IsTruncated: false, IsIncomplete: true, IsCounted: false));
            }
        }
    }
}
