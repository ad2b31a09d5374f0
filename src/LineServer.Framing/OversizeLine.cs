namespace LineServer.Framing;

/// <summary>What was seen of a line longer than <see cref="LineFormat.MaxLineSize"/> when it was noticed.</summary>
/// <param name="LengthSeen">Bytes seen of it by then; the line may be longer.</param>
/// <param name="Prefix">Its first bytes, a copy: at most <see cref="PrefixSize"/>.</param>
public readonly record struct OversizeLine(long LengthSeen, ReadOnlyMemory<byte> Prefix)
{
    /// <summary>The most bytes kept of an oversize line.</summary>
    public const int PrefixSize = 32;
}
