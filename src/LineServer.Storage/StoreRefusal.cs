namespace LineServer.Storage;

/// <summary>Why a store does not take a stream.</summary>
public enum StoreRefusal
{
    /// <summary>A write or a sync has failed, and the store is not recovered yet.</summary>
    Failed,

    /// <summary>The engine cannot be reached, or not keep what it promises now.</summary>
    Unavailable,

    /// <summary>The store is stopping.</summary>
    Stopping,

    /// <summary>It holds <see cref="StoreOptions.MaxStreams"/>, and this would be a new one.</summary>
    TooManyStreams,

    /// <summary>Several writers share the stream, and one that numbers its lines asked for it; or the other way round.</summary>
    InUse,
}
