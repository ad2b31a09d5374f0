using System.Runtime.InteropServices;

namespace LineServer.Perf.Load;

/// <summary>The state of one of the places of <see cref="ChurnLoop"/>: 32 bytes, in an array.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct Cycle
{
    /// <summary>−1 if there is none.</summary>
    public int Socket;

    /// <summary>Bytes of the reply so far.</summary>
    public int Received;

    /// <summary>True if the line has been sent.</summary>
    public bool IsSent;

    /// <summary>How many connections this place had before. The line carries it.</summary>
    public long Number;
    public long StartTime;
}
