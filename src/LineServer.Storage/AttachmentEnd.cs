namespace LineServer.Storage;

/// <summary>Why an attachment takes no more lines.</summary>
public enum AttachmentEnd
{
    /// <summary>It does.</summary>
    None,

    /// <summary>A newer attachment has taken the stream.</summary>
    Superseded,

    /// <summary>A write or a sync has failed. What was not committed may or may not have been kept.</summary>
    StoreFailed,

    /// <summary>The store has stopped.</summary>
    StoreStopped,

    /// <summary>The engine cannot be reached, or not keep what it promises now. What was not committed may or may not be kept.</summary>
    Unavailable,

    /// <summary>Its owner has detached.</summary>
    Detached,
}
