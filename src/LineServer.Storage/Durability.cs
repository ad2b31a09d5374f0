namespace LineServer.Storage;

/// <summary>What has happened to a line before it is acknowledged.</summary>
public enum Durability
{
    /// <summary>fdatasync(2) has returned: the line survives the machine. The default.</summary>
    Synced,

    /// <summary>The kernel has the line: it survives the process, not the machine.</summary>
    Written,

    /// <summary>Another machine has synced it too: it survives the loss of one. Only of a replicated engine.</summary>
    Replicated,
}
