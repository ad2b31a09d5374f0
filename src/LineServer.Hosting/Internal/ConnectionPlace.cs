using System.Net;

namespace LineServer.Hosting.Internal;

/// <summary>A connection's place among those that the limits allow, freed once.</summary>
/// <param name="admission">Who gave it.</param>
/// <param name="peer">To whom; null where nobody counts peers.</param>
internal class ConnectionPlace(Admission admission, EndPoint? peer)
{
    private Admission? _admission = admission;

    /// <summary>The connection no longer counts, though it may not quite have ended.</summary>
    public void Free() => Interlocked.Exchange(ref _admission, null)?.Leave(peer);

    /// <summary>The connection loop has ended, and no longer uses the connection.</summary>
    public virtual void OnLoopEnded() => Free();
}
