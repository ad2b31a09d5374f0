using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>
/// struct msghdr of &lt;sys/socket.h&gt;. Eight-byte counts fit glibc, and on little-endian machines musl
/// too.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public byte* Name;
    public nint NameLength;
    public IoVector* Pieces;
    public nint PieceCount;
    public byte* Control;
    public nint ControlLength;
    public nint Flags;
}
