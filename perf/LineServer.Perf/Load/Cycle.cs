using System.Runtime.InteropServices;

namespace LineServer.Perf.Load;

/// <summary>All that is kept of a place for connections that come and go: 32 bytes, in an array.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct Cycle
{
    /// <summary>−1 when there is none.</summary>
    public int Socket;

    /// <summary>Bytes of the reply that have come.</summary>
    public int Received;

    /// <summary>The line has been sent.</summary>
    public bool IsSent;

    /// <summary>How many were before it here: its line says it.</summary>
    public long Number;
    public long StartTime;
}
