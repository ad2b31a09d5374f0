namespace LineServer.Storage;

/// <summary>The life of a <see cref="LineStore"/>: Open ⇄ Failed, → Stopped.</summary>
public enum StoreState
{
    /// <summary>It takes lines.</summary>
    Open,

    /// <summary>A write or a sync has failed. It is recovered after a pause, again and again.</summary>
    Failed,

    /// <summary>It has stopped, and holds no file.</summary>
    Stopped,
}
