namespace LineServer.Framing;

/// <summary>
/// What the reader had seen of a line longer than <see cref="LineFormat.MaxLineSize"/> when it noticed it.
/// </summary>
/// <param name="LengthSeen">
/// The number of bytes seen by then; the line may be longer. Of a counted message, its count.
/// </param>
/// <param name="Prefix">
/// A copy of its first bytes, at most <see cref="PrefixSize"/>. Of a counted message, those from the count on
/// that had arrived.
/// </param>
public readonly record struct OversizeLine(long LengthSeen, ReadOnlyMemory<byte> Prefix)
{
    /// <summary>The maximum number of bytes kept of an oversize line.</summary>
    public const int PrefixSize = 32;
}
