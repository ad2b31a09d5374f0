namespace LineServer.Storage;

/// <summary>What became of lines that were appended.</summary>
public enum AppendResult
{
    /// <summary>They are gathered for the next commit.</summary>
    Taken,

    /// <summary>There is no room: nothing was taken. Wait, then append again.</summary>
    NoRoom,

    /// <summary>Nothing was taken: see <see cref="StreamAttachment.EndReason"/>.</summary>
    Ended,
}
