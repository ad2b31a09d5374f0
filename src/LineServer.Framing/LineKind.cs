namespace LineServer.Framing;

/// <summary>What is special about a line. Most lines have none of these flags.</summary>
[Flags]
internal enum LineKind : byte
{
    None = 0,

    /// <summary><see cref="LineScan.FoundLine"/> holds its bytes; they may span segments.</summary>
    Found = 1,

    /// <summary>The line exceeded the limit; only its first bytes are here.</summary>
    Truncated = 2,

    /// <summary>The stream ended before the rest of the line arrived.</summary>
    Incomplete = 4,

    /// <summary>A count preceded the line; it may hold any byte.</summary>
    Counted = 8,
}
