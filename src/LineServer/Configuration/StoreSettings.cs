using System.Diagnostics.Metrics;
using LineServer.Storage;

namespace LineServer.Configuration;

/// <summary>A store of the section <c>Stores</c>.</summary>
internal sealed class StoreSettings(string name)
{
    /// <summary>The store of the short form, <c>--store DIR</c>.</summary>
    public const string DefaultName = "main";

    public string Name { get; } = name;

    public string Directory { get; set; } = string.Empty;

    public Durability Durability { get; set; }

    public int MaxStreams { get; set; } = new StoreOptions().MaxStreams;

    public long SegmentSize { get; set; } = new StoreOptions().SegmentSize;

    public SegmentCompression Compress { get; set; }

    public RetentionSettings Retention { get; } = new();

    public StoreOptions ToOptions(IMeterFactory meters) => new()
    {
        Name = Name,
        Meters = meters,
        Durability = Durability,
        MaxStreams = MaxStreams,
        SegmentSize = SegmentSize,
        Compression = Compress,
        MaxAge = Retention.MaxAge,
        MaxBytes = Retention.MaxBytes,
    };

    public IEnumerable<string> Validate()
    {
        if (MaxStreams < 1)
        {
            yield return $"{nameof(MaxStreams)} must be at least 1, not {MaxStreams}.";
        }

        if (SegmentSize < StoreOptions.SmallestSegmentSize)
        {
            yield return $"{nameof(SegmentSize)} must be at least {StoreOptions.SmallestSegmentSize}, not {SegmentSize}.";
        }
    }
}
