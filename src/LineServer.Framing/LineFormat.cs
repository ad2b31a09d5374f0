namespace LineServer.Framing;

/// <summary>How lines stand in a stream of bytes: their delimiter, their limit, and what becomes of those that break a rule.</summary>
public sealed record LineFormat
{
    /// <summary>Line feed, 0x0A.</summary>
    public const byte LineFeed = (byte)'\n';

    /// <summary>Carriage return, 0x0D.</summary>
    public const byte CarriageReturn = (byte)'\r';

    /// <summary>The largest <see cref="MaxLineSize"/>, in bytes (1 GiB): a line with its terminator must fit into a span.</summary>
    public const int LargestMaxLineSize = 1 << 30;

    /// <summary>LF, at most 65536 bytes a line, <see cref="OversizeLineBehavior.Close"/>, <see cref="IncompleteLineBehavior.Discard"/>.</summary>
    public static LineFormat Default { get; } = new();

    /// <summary>
    /// The byte that ends a line. With LF, the default, one CR before it belongs to the terminator; with any other byte a CR is data.
    /// </summary>
    public byte Delimiter { get; init; } = LineFeed;

    /// <summary>
    /// The most bytes a line may have, its terminator not counted: 1 to <see cref="LargestMaxLineSize"/>. 65536 unless set.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside that range.</exception>
    public int MaxLineSize
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, LargestMaxLineSize);
            field = value;
        }
    } = 65536;

    /// <summary>What becomes of a line longer than <see cref="MaxLineSize"/>.</summary>
    public OversizeLineBehavior OversizeLineBehavior { get; init; }

    /// <summary>What becomes of bytes without a delimiter at the end of the stream.</summary>
    public IncompleteLineBehavior IncompleteLineBehavior { get; init; }

    internal bool StripsCarriageReturn => Delimiter == LineFeed;
}
