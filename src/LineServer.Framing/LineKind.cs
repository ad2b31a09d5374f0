namespace LineServer.Framing;

/// <summary>What is special about a line. Most lines are none of these.</summary>
[Flags]
internal enum LineKind : byte
{
    None = 0,

    /// <summary>Its bytes are <see cref="LineScan.FoundLine"/>: it may run over more than one segment of the buffer.</summary>
    Found = 1,

    /// <summary>Its first bytes only; the rest was beyond the limit.</summary>
    Truncated = 2,

    /// <summary>The stream ended before its delimiter.</summary>
    Incomplete = 4,
}
