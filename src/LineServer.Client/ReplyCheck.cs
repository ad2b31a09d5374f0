namespace LineServer.Client;

/// <summary>
/// Counts the replies of a connection. Reports replies that are too many, too few or, with
/// <c>--check-echo</c>, wrong.
/// </summary>
/// <param name="repliesPerLine">Null to accept any number of replies.</param>
/// <param name="echo">Null to count replies without comparing them.</param>
internal sealed class ReplyCheck(int? repliesPerLine, EchoCheck? echo)
{
    private bool _isInsideReply;

    /// <summary>The number of complete replies.</summary>
    public long Replies { get; private set; }

    /// <summary>The number of lines with all their replies; 0 if none are expected.</summary>
    public long AnsweredLines => repliesPerLine > 0 ? Replies / repliesPerLine.Value : 0;

    /// <summary>
    /// Checks received bytes. <paramref name="sentLines"/> is the number of lines whose sending had begun
    /// when they arrived.
    /// </summary>
    /// <returns>What is wrong, as a message; null if nothing is.</returns>
    public string? Received(ReadOnlySpan<byte> bytes, long sentLines)
    {
        Replies += bytes.Count((byte)'\n');
        _isInsideReply = bytes[^1] != '\n';
        return echo?.Check(bytes) ?? (Replies > sentLines * repliesPerLine ? TooMany(sentLines) : null);
    }

    /// <summary>Called when nothing more will arrive.</summary>
    /// <returns>What is missing or superfluous, as a message; null if nothing is.</returns>
    public string? AtEnd(long sentLines, bool sentPartOfLine)
    {
        if (repliesPerLine is not int perLine)
        {
            return null;
        }

        if (Replies < sentLines * perLine)
        {
            long line = Replies / perLine;
            string part = _isInsideReply ? ", and part of another" : "";
            return perLine == 1
                ? $"line {line + 1}: no {(_isInsideReply ? "complete " : "")}reply"
                : $"line {line + 1}: {Replies - (line * perLine)} of {perLine} replies{part}";
        }

        // The reply to part of a line may itself be part of a line: an echo of bytes.
        return _isInsideReply && !sentPartOfLine ? TooMany(sentLines) : null;
    }

    private string TooMany(long sentLines) =>
        $"line {sentLines}: more than {repliesPerLine} {(repliesPerLine == 1 ? "reply" : "replies")}";
}
