namespace LineServer.Framing;

/// <summary>
/// How a stream is split into lines: the delimiter, the size limit, and what to do with lines that violate
/// them.
/// </summary>
public sealed record LineFormat
{
    /// <summary>Line feed, 0x0A.</summary>
    public const byte LineFeed = (byte)'\n';

    /// <summary>Carriage return, 0x0D.</summary>
    public const byte CarriageReturn = (byte)'\r';

    /// <summary>
    /// The largest <see cref="MaxLineSize"/>, in bytes (1 GiB): a line with its terminator must fit into a
    /// span.
    /// </summary>
    public const int LargestMaxLineSize = 1 << 30;

    /// <summary>
    /// LF, at most 65536 bytes a line, <see cref="OversizeLineBehavior.Close"/>,
    /// <see cref="IncompleteLineBehavior.Discard"/>.
    /// </summary>
    public static LineFormat Default { get; } = new();

    /// <summary>How messages are told apart. Defaults to <see cref="FramingMode.Lines"/>.</summary>
    public FramingMode Mode { get; init; }

    /// <summary>
    /// The byte that ends a line. Defaults to LF. With LF, one CR before it belongs to the terminator; with
    /// any other delimiter, a CR is data. The other modes than <see cref="FramingMode.Lines"/> need LF.
    /// </summary>
    public byte Delimiter { get; init; } = LineFeed;

    /// <summary>
    /// The maximum size of a line in bytes, without its terminator: 1 to <see cref="LargestMaxLineSize"/>.
    /// Defaults to 65536. Of a counted message, the count.
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

    /// <summary>What to do with a line longer than <see cref="MaxLineSize"/>.</summary>
    public OversizeLineBehavior OversizeLineBehavior { get; init; }

    /// <summary>
    /// What to do with bytes after the last delimiter, or with part of a counted message, when the stream
    /// ends.
    /// </summary>
    public IncompleteLineBehavior IncompleteLineBehavior { get; init; }

    internal bool StripsCarriageReturn => Delimiter == LineFeed;
}
