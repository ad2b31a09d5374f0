using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage.Internal.Commit;

/// <summary>A stream, as the committer sees it: up to the last line of the last commit.</summary>
internal sealed class StoredStream(AppliedStream applied)
{
    public string Name => Applied.Name;

    /// <summary>The same stream as the applier sees it: up to the last line in the segments.</summary>
    public AppliedStream Applied { get; } = applied;

    public long Count { get; set; } = applied.Count;

    public uint Crc { get; set; } = applied.Crc;

    /// <summary>The segment that grows, by the number of its first line; 0 before the first line.</summary>
    public long Segment { get; set; } = applied.Segment;

    public long SegmentBytes { get; set; } = applied.SegmentBytes;

    /// <summary>The newest attachment.</summary>
    public Attachment? Current { get; set; }

    /// <summary>The attachments that share the stream.</summary>
    public int Sharers { get; set; }
}
