using System.Diagnostics.Metrics;
using LineServer.Linux;
using LineServer.Storage.Internal.Log;

namespace LineServer.Storage;

/// <summary>How a store keeps its lines.</summary>
public sealed class StoreOptions
{
    /// <summary>The smallest <see cref="SegmentSize"/>, in bytes: 64 KiB.</summary>
    public const long SmallestSegmentSize = 64 * 1024;

    /// <summary>The longest line that a store takes, in bytes: 4 MiB.</summary>
    public const int LargestLine = 4 * 1024 * 1024;

    /// <summary>The store's name in metrics. Defaults to none.</summary>
    public string Name { get; set; } = string.Empty;

    /// <summary>Makes the meter, <c>LineServer.Storage</c>. Null, the default, makes one that nobody else shares.</summary>
    public IMeterFactory? Meters { get; set; }

    /// <summary>What has happened to a line before it is acknowledged. Defaults to <see cref="Durability.Synced"/>.</summary>
    public Durability Durability { get; set; }

    /// <summary>
    /// The most streams. Defaults to 10,000. Streams never expire, so that a name keeps its count; beyond the limit, new
    /// names are refused.
    /// </summary>
    public int MaxStreams { get; set; } = 10_000;

    /// <summary>The size in bytes from which a stream's next segment is begun. Defaults to 64 MiB.</summary>
    public long SegmentSize { get; set; } = 64 * 1024 * 1024;

    /// <summary>How sealed segments are compressed. Defaults to not at all.</summary>
    public SegmentCompression Compression { get; set; }

    /// <summary>Sealed segments are removed once their last line is this old. Null, the default: never.</summary>
    public TimeSpan? MaxAge { get; set; }

    /// <summary>
    /// The oldest sealed segments are removed while all streams together take more bytes than this on the disk. Null, the
    /// default: never.
    /// </summary>
    public long? MaxBytes { get; set; }

    /// <summary>
    /// The most bytes that one attachment may have uncommitted, so that a flood of one does not fill each commit.
    /// Defaults to 1 MiB.
    /// </summary>
    public int MaxUncommittedPerAttachment { get; set; } = 1024 * 1024;

    /// <summary>The most bytes that all attachments may have uncommitted. Defaults to 64 MiB.</summary>
    public long MaxUncommitted { get; set; } = 64 * 1024 * 1024;

    /// <summary>The time between two checkpoints, if not enough is stored to cause one. Defaults to 60 s.</summary>
    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The pause after a failed write or sync, before the store is recovered. Defaults to 1 s. It is longer, up to 30 s,
    /// after a recovery that took a while and failed.
    /// </summary>
    public TimeSpan RecoveryPause { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The time between two looks at sealed segments, which are then compressed or removed. Defaults to 10 s.</summary>
    public TimeSpan KeepInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The size in bytes of a log file: a multiple of 4096. Smaller in tests.</summary>
    internal int LogFileSize { get; set; } = 64 * 1024 * 1024;

    /// <summary>The most bytes in a commit: lines, and what they cost beside.</summary>
    internal int MaxCommitSize => Math.Min(8 * 1024 * 1024, LogFileSize / 4);

    /// <summary>The most bytes of committed lines that wait to be applied.</summary>
    internal long MaxUnapplied { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// How long a small commit waits for the next one before it is written to its segment. Readers see lines so much later.
    /// Not on one core: there, what the applier does after a commit lets more lines gather for the next.
    /// </summary>
    internal TimeSpan ApplyDelay { get; set; } = TimeSpan.FromMilliseconds(Environment.ProcessorCount > 1 ? 2 : 0);

    /// <summary>
    /// The most segments that are open for writing. Fewer in tests. With fewer than the streams that are written to, each
    /// write opens and closes a file; but descriptors are also for connections.
    /// </summary>
    internal int MaxOpenSegments { get; set; } = (int)Math.Clamp(DescriptorLimit.Current() / 16, 64, 4096);

    /// <summary>The most descriptors that the store has open: segments, the log, and what readers and checkpoints need.</summary>
    public int MaxDescriptors => MaxOpenSegments + 32;

    /// <summary>What tests break on purpose.</summary>
    internal StoreRules Rules { get; set; } = new();
}
