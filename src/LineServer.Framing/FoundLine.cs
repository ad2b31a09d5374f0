using System.Runtime.InteropServices;

namespace LineServer.Framing;

/// <summary>
/// A line that the array of starts cannot describe. <see cref="LineScan.FoundLine"/> holds its bytes, if it
/// is of <see cref="LineKind.Found"/>.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct FoundLine(int length, int rawLength, LineKind kind, int start = 0)
{
    /// <summary>Bytes without the terminator.</summary>
    public int Length { get; } = length;

    /// <summary>Bytes with the terminator.</summary>
    public int RawLength { get; } = rawLength;

    public LineKind Kind { get; } = kind;

    /// <summary>
    /// Where the line begins in the current segment; not used if <see cref="LineScan.FoundLine"/> holds its
    /// bytes.
    /// </summary>
    public int Start { get; } = start;
}
