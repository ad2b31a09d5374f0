namespace LineServer.Client;

/// <summary>Counts a connection's replies and says when they are too many, too few or, with <c>--check-echo</c>, wrong.</summary>
/// <param name="repliesPerLine">Null: nothing is expected, and nothing is wrong.</param>
/// <param name="echo">Null: replies are counted, not compared.</param>
internal sealed class ReplyCheck(int? repliesPerLine, EchoCheck? echo)
{
    private bool _isInsideReply;

    /// <summary>Complete replies so far.</summary>
    public long Replies { get; private set; }

    /// <summary>Lines whose replies are all there; 0 where none are expected.</summary>
    public long AnsweredLines => repliesPerLine > 0 ? Replies / repliesPerLine.Value : 0;

    /// <summary>Takes what came next. <paramref name="sentLines"/>: the lines whose sending had begun when it came.</summary>
    /// <returns>What is wrong, in one sentence; null when nothing is.</returns>
    public string? Received(ReadOnlySpan<byte> bytes, long sentLines)
    {
        Replies += bytes.Count((byte)'\n');
        _isInsideReply = bytes[^1] != '\n';
        return echo?.Check(bytes) ?? (Replies > sentLines * repliesPerLine ? TooMany(sentLines) : null);
    }

    /// <summary>Called when nothing more will come.</summary>
    /// <returns>What is missing or left over, in one sentence; null when nothing is.</returns>
    public string? AtEnd(long sentLines, bool sentPartOfLine)
    {
        if (repliesPerLine is not int perLine)
        {
            return null;
        }

        if (Replies < sentLines * perLine)
        {
            long line = Replies / perLine;
            string part = _isInsideReply ? " and a part of one" : "";
            return perLine == 1
                ? $"line {line + 1}: no {(_isInsideReply ? "complete " : "")}reply"
                : $"line {line + 1}: {Replies - (line * perLine)} of {perLine} replies{part}";
        }

        // What answers a part of a line may be one itself: an echo of bytes.
        return _isInsideReply && !sentPartOfLine ? TooMany(sentLines) : null;
    }

    private string TooMany(long sentLines) => $"line {sentLines}: more than {repliesPerLine} {(repliesPerLine == 1 ? "reply" : "replies")}";
}
