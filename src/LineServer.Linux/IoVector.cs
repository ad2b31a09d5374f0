using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>struct iovec of &lt;sys/uio.h&gt;.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    /// <summary>
    /// The most pieces per call here, because each is pinned by a statement of its own. The kernel allows
    /// 1024 (IOV_MAX).
    /// </summary>
    public const int MaxCount = 8;

    public byte* Base;
    public nint Length;
}
