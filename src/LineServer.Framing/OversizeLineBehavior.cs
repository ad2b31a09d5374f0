namespace LineServer.Framing;

/// <summary>What becomes of a line longer than <see cref="LineFormat.MaxLineSize"/>.</summary>
public enum OversizeLineBehavior
{
    /// <summary>Reading ends at the line; lines before it have been delivered. <see cref="LineReader.IsOversize"/> tells.</summary>
    Close,

    /// <summary>The line is skipped to its delimiter, and reading goes on behind it.</summary>
    Discard,

    /// <summary>
    /// The first <see cref="LineFormat.MaxLineSize"/> bytes are delivered, marked <see cref="Line.IsTruncated"/>, as soon as
    /// the line is known to be too long; the rest is skipped to its delimiter.
    /// </summary>
    Truncate,
}
