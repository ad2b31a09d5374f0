namespace LineServer.Storage.Internal.Commit;

/// <summary>What a step of the committer came to.</summary>
internal enum CommitOutcome
{
    /// <summary>There was nothing to commit.</summary>
    Idle,

    /// <summary>A group was committed.</summary>
    Committed,

    /// <summary>The applier has to go on first: too much waits for it, or the log is full and needs a checkpoint.</summary>
    Blocked,
}
