using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>struct pollfd of &lt;poll.h&gt;.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    public int Descriptor;
    public short Events;
    public short Returned;
}
