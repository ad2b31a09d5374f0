namespace LineServer.Framing;

/// <summary>What to do with a line longer than <see cref="LineFormat.MaxLineSize"/>.</summary>
public enum OversizeLineBehavior
{
    /// <summary>
    /// Reading ends at the line, after all lines before it were delivered, and
    /// <see cref="LineReader.IsOversize"/> becomes true.
    /// </summary>
    Close,

    /// <summary>The line is skipped to its end, and reading continues after it.</summary>
    Discard,

    /// <summary>
    /// The first <see cref="LineFormat.MaxLineSize"/> bytes are delivered, marked
    /// <see cref="Line.IsTruncated"/>, as soon as they have arrived and the line is known to be too long. The
    /// rest is skipped.
    /// </summary>
    Truncate,
}
