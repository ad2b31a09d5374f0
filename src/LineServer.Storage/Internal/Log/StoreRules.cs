namespace LineServer.Storage.Internal.Log;

/// <summary>Rules that tests break on purpose, to see that the simulated disk finds it.</summary>
internal class StoreRules
{
    /// <summary>The epoch after a recovery: frames of earlier epochs count no more.</summary>
    public virtual long NextEpoch(long epoch) => epoch + 1;

    /// <summary>True if a frame may follow in the log, where <paramref name="expected"/> is due.</summary>
    public virtual bool IsNext(long lsn, long expected) => lsn == expected;

    /// <summary>True if lines of an attachment are dropped once a newer one has been answered.</summary>
    public virtual bool FencesOlderAttachments => true;
}
