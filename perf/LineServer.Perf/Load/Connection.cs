using System.Runtime.InteropServices;

namespace LineServer.Perf.Load;

/// <summary>All that is kept of a connection: 48 bytes, in an array.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct Connection
{
    public int Socket;

    /// <summary>How far into its stream of lines it may send.</summary>
    public long TargetBytes;
    public long SentBytes;
    public long ReceivedBytes;

    /// <summary>Where the line ends whose latency is being taken; 0 when there is none.</summary>
    public long ProbeEnd;
    public long ProbeTime;
}
