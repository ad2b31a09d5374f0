using System.Runtime.InteropServices;

namespace LineServer.Perf.Linux;

/// <summary>struct timespec of &lt;time.h&gt;, on 64-bit machines.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpec
{
    public long Seconds;
    public long Nanoseconds;
}
