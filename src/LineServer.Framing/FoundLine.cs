using System.Runtime.InteropServices;

namespace LineServer.Framing;

/// <summary>A line that is not simply one end to the next: <see cref="LineScan.FoundLine"/> has its bytes.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct FoundLine(int length, int rawLength, LineKind kind)
{
    /// <summary>Bytes without the terminator.</summary>
    public int Length { get; } = length;

    /// <summary>Bytes with the terminator.</summary>
    public int RawLength { get; } = rawLength;

    public LineKind Kind { get; } = kind;
}
