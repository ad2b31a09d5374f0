using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LineServer.Framing;

/// <summary>
/// A line in the buffer that was read; nothing is copied. It is valid until the next line is read. Use
/// <see cref="ToMemory()"/> to pass it to an asynchronous method.
/// </summary>
public readonly ref struct Line
{
    private readonly ref readonly byte _start;
    private readonly int _length;
    private readonly int _rawLength;
    private readonly LineReader _reader;
    private readonly LineKind _kind;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Line(ref readonly byte start, int length, int rawLength, LineReader reader, LineKind kind)
    {
        _start = ref start;
        _length = length;
        _rawLength = rawLength;
        _reader = reader;
        _kind = kind;
    }

    /// <summary>The line's size in bytes, without its terminator.</summary>
    public int Length => _length;

    /// <summary>True if the line exceeded the limit and only its first bytes are here.</summary>
    public bool IsTruncated => (_kind & LineKind.Truncated) != LineKind.None;

    /// <summary>
    /// True if the stream ended before the line's delimiter, or the rest of a counted message, arrived.
    /// </summary>
    public bool IsIncomplete => (_kind & LineKind.Incomplete) != LineKind.None;

    /// <summary>
    /// True if a count preceded the line, as in <see cref="FramingMode.OctetCounted"/>. Such a line may hold
    /// any byte: LF too.
    /// </summary>
    public bool IsCounted => (_kind & LineKind.Counted) != LineKind.None;

    /// <summary>
    /// True if <see cref="RawSpan"/> ends with a terminator. A truncated or incomplete line has none, and
    /// most counted messages have none.
    /// </summary>
    public bool HasTerminator => _rawLength > _length;

    /// <summary>
    /// True if the line is contiguous. If not, <see cref="Span"/> copies it; <see cref="Sequence"/> does not.
    /// </summary>
    public bool IsSingleSegment => IsOrdinary || _reader.Scan.FoundLine.IsSingleSegment;

    /// <summary>
    /// The line without its terminator. A line that spans segments is copied once, into a rented buffer.
    /// </summary>
    public ReadOnlySpan<byte> Span
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsOrdinary ? MemoryMarshal.CreateReadOnlySpan(in _start, _length) : _reader.Scan.GatherFoundLine().Span[.._length];
    }

    /// <summary>
    /// The line with its terminator (LF or CRLF), if it has one: <see cref="HasTerminator"/>. Of a counted
    /// message, the bytes that were counted: without the count, and with the LF or CRLF at their end if there
    /// is one.
    /// </summary>
    public ReadOnlySpan<byte> RawSpan
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsOrdinary ? MemoryMarshal.CreateReadOnlySpan(in _start, _rawLength) : _reader.Scan.GatherFoundLine().Span[.._rawLength];
    }

    /// <summary>The line without its terminator, never copied.</summary>
    public ReadOnlySequence<byte> Sequence => RawSequence.Slice(0, _length);

    /// <summary>The line with its terminator, never copied.</summary>
    public ReadOnlySequence<byte> RawSequence =>
        IsOrdinary ? new ReadOnlySequence<byte>(_reader.Scan.MemoryAt(in _start, _rawLength)) : _reader.Scan.FoundLine.Slice(0, _rawLength);

    /// <summary>
    /// The line in a form that may cross an <see langword="await"/>. It too is valid only until the next line
    /// is read: the buffer into which a line is gathered from several segments is reused for the next such
    /// line.
    /// </summary>
    public LineMemory ToMemory() =>
        new(IsOrdinary ? _reader.Scan.MemoryAt(in _start, _rawLength) : _reader.Scan.GatherFoundLine()[.._rawLength], _length, _kind);

    /// <summary>
    /// The same as a copy in <paramref name="buffer"/>, terminator included. It is valid as long as the buffer is.
    /// </summary>
    /// <exception cref="ArgumentException"><paramref name="buffer"/> is shorter than <see cref="RawSpan"/>.</exception>
    public LineMemory ToMemory(Memory<byte> buffer)
    {
        ReadOnlySpan<byte> raw = RawSpan;
        raw.CopyTo(buffer.Span);
        return new LineMemory(buffer[..raw.Length], _length, _kind);
    }

    /// <summary>Same as <see cref="Span"/>.</summary>
    public static implicit operator ReadOnlySpan<byte>(in Line line) => line.Span;

    private bool IsOrdinary
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (_kind & LineKind.Found) == LineKind.None;
    }
}
