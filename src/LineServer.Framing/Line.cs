using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LineServer.Framing;

/// <summary>
/// A line where it lies in the buffer that was read: nothing was copied. Valid until the next line is asked for; <see cref="ToMemory"/>
/// gives the form that an asynchronous method can take.
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

    /// <summary>The line's size in bytes, its terminator not counted.</summary>
    public int Length => _length;

    /// <summary>True if the line is the first bytes of one longer than the limit.</summary>
    public bool IsTruncated => (_kind & LineKind.Truncated) != LineKind.None;

    /// <summary>True if the stream ended before the line's delimiter came.</summary>
    public bool IsIncomplete => (_kind & LineKind.Incomplete) != LineKind.None;

    /// <summary>True if the line lies in one piece; if not, <see cref="Span"/> copies it, <see cref="Sequence"/> does not.</summary>
    public bool IsSingleSegment => IsOrdinary || _reader.Scan.FoundLine.IsSingleSegment;

    /// <summary>The line without its terminator. A line that runs over several segments is gathered into a rented buffer, once.</summary>
    public ReadOnlySpan<byte> Span
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsOrdinary ? MemoryMarshal.CreateReadOnlySpan(in _start, _length) : _reader.Scan.GatherFoundLine().Span[.._length];
    }

    /// <summary>The line as it came, terminator (LF or CRLF) included. A truncated or incomplete line has none.</summary>
    public ReadOnlySpan<byte> RawSpan
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsOrdinary ? MemoryMarshal.CreateReadOnlySpan(in _start, _rawLength) : _reader.Scan.GatherFoundLine().Span[.._rawLength];
    }

    /// <summary>The line without its terminator, never copied.</summary>
    public ReadOnlySequence<byte> Sequence => RawSequence.Slice(0, _length);

    /// <summary>The line as it came, terminator included, never copied.</summary>
    public ReadOnlySequence<byte> RawSequence =>
        IsOrdinary ? new ReadOnlySequence<byte>(_reader.Scan.MemoryAt(in _start, _rawLength)) : _reader.Scan.FoundLine.Slice(0, _rawLength);

    /// <summary>
    /// The line in the form that may cross an <see langword="await"/>. Valid until the next line is asked for, as the line itself: what was
    /// gathered from several segments gives way to the next that must be.
    /// </summary>
    public LineMemory ToMemory() =>
        new(IsOrdinary ? _reader.Scan.MemoryAt(in _start, _rawLength) : _reader.Scan.GatherFoundLine()[.._rawLength], _length, _kind);

    /// <summary><see cref="Span"/>.</summary>
    public static implicit operator ReadOnlySpan<byte>(in Line line) => line.Span;

    private bool IsOrdinary
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (_kind & LineKind.Found) == LineKind.None;
    }
}
