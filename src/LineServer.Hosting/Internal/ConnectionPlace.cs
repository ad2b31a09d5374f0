using System.Net;

namespace LineServer.Hosting.Internal;

/// <summary>A connection's place within the limits; freed exactly once.</summary>
/// <param name="admission">Where the place was taken.</param>
/// <param name="peer">The client's address; null if no limit counts peers.</param>
internal class ConnectionPlace(Admission admission, EndPoint? peer)
{
    private Admission? _admission = admission;

    /// <summary>Frees the place. The connection itself may end slightly later.</summary>
    public void Free() => Interlocked.Exchange(ref _admission, null)?.Leave(peer);

    /// <summary>Called when the connection loop has ended and no longer uses the connection.</summary>
    public virtual void OnLoopEnded() => Free();
}
