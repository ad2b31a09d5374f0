namespace LineServer.Framing;

/// <summary>A line in a form that may cross an <see langword="await"/>; see <see cref="Line"/>.</summary>
public readonly struct LineMemory
{
    private readonly int _length;
    private readonly LineKind _kind;

    internal LineMemory(ReadOnlyMemory<byte> raw, int length, LineKind kind)
    {
        RawMemory = raw;
        _length = length;
        _kind = kind;
    }

    /// <summary>The line without its terminator.</summary>
    public ReadOnlyMemory<byte> Memory => RawMemory[.._length];

    /// <summary>The line without its terminator.</summary>
    public ReadOnlySpan<byte> Span => RawMemory.Span[.._length];

    /// <inheritdoc cref="Line.RawSpan"/>
    public ReadOnlyMemory<byte> RawMemory { get; }

    /// <summary>The line's size in bytes, without its terminator.</summary>
    public int Length => _length;

    /// <inheritdoc cref="Line.IsTruncated"/>
    public bool IsTruncated => (_kind & LineKind.Truncated) != LineKind.None;

    /// <inheritdoc cref="Line.IsIncomplete"/>
    public bool IsIncomplete => (_kind & LineKind.Incomplete) != LineKind.None;

    /// <inheritdoc cref="Line.IsCounted"/>
    public bool IsCounted => (_kind & LineKind.Counted) != LineKind.None;

    /// <inheritdoc cref="Line.HasTerminator"/>
    public bool HasTerminator => RawMemory.Length > _length;

    /// <summary>Same as <see cref="Memory"/>.</summary>
    public static implicit operator ReadOnlyMemory<byte>(LineMemory line) => line.Memory;
}
