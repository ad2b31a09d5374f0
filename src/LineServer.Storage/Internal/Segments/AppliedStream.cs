using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Internal.Segments;

/// <summary>A stream, as its segments hold it. The applier's, but for <see cref="First"/>.</summary>
internal sealed class AppliedStream(string name)
{
    private long _first = 1;

    public string Name { get; } = name;

    public long Count { get; set; }

    public uint Crc { get; set; }

    /// <summary>The first line that is still kept. Any thread reads it.</summary>
    public long First
    {
        get => Volatile.Read(ref _first);
        set => Volatile.Write(ref _first, value);
    }

    /// <summary>The segment that grows, by the number of its first line; 0 before the first line.</summary>
    public long Segment { get; set; }

    public long SegmentBytes { get; set; }

    /// <summary>The bytes of the segment of which the kernel was asked to begin the write-back.</summary>
    public long WriteBackFrom { get; set; }

    /// <summary>True if it waits for its turn to begin the write-back.</summary>
    public bool IsWriteBackDue { get; set; }

    /// <summary>The segment that grows, if it is open.</summary>
    public IStoreFile? File { get; set; }

    /// <summary>True if the segment that grows has changed since it was last synced.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Text to be written to the segment, at <see cref="SegmentBytes"/>.</summary>
    public List<ReadOnlyMemory<byte>> Pending { get; } = [];

    public long PendingBytes { get; set; }

    /// <summary>The place in the list of open files; see <see cref="SegmentFiles"/>.</summary>
    public LinkedListNode<AppliedStream>? OpenNode { get; set; }
}
