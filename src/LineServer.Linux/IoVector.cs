using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>struct iovec of &lt;sys/uio.h&gt;.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    /// <summary>Pieces that one call takes here, for as many are pinned by statements. The kernel would take 1024 (IOV_MAX).</summary>
    public const int MaxCount = 8;

    public byte* Base;
    public nint Length;
}
