using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>struct iovec of &lt;sys/uio.h&gt;.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    /// <summary>Pieces that one call takes here; the kernel would take 1024 (IOV_MAX).</summary>
    public const int MaxCount = 64;

    public byte* Base;
    public nint Length;
}
