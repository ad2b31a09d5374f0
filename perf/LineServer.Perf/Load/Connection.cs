using System.Runtime.InteropServices;

namespace LineServer.Perf.Load;

/// <summary>The state of a connection: 48 bytes, in an array.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct Connection
{
    public int Socket;

    /// <summary>The end of the bytes of its stream that may be sent.</summary>
    public long TargetBytes;
    public long SentBytes;
    public long ReceivedBytes;

    /// <summary>The end of the line that is being timed; 0 if there is none.</summary>
    public long ProbeEnd;
    public long ProbeTime;
}
