namespace LineServer.Storage.Tests;

/// <summary>What is broken on purpose, to see that the simulated disk finds it.</summary>
public enum Sabotage
{
    None,
    AckBeforeSync,
    ChecksumNotCompared,
    LogDirectoryNotSynced,
    LogRecycledBeforeSegmentsAreSynced,
    CheckpointRenamedUnsynced,
    RecoveryDoesNotSync,
    FailedSyncTriedAgain,
    EpochNotRaised,
    OlderAttachmentNotFenced,
    MissingCommitSteppedOver,
    StreamDirectoryNotSynced,
    RootOfStreamsNotSynced,
    SegmentsNotCut,
    SegmentsNotSyncedWhenSealed,
}
