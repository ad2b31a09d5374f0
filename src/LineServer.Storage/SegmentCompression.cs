namespace LineServer.Storage;

/// <summary>How sealed segments are compressed.</summary>
public enum SegmentCompression
{
    /// <summary>Not at all: they stay plain text. The default.</summary>
    None,

    /// <summary>Zstandard, <c>.zst</c>: zstdcat(1) reads it.</summary>
    Zstd,

    /// <summary>gzip, <c>.gz</c>: zcat(1) reads it.</summary>
    Gzip,
}
