using System.IO.Compression;
using LineServer.Storage.Internal.Files;
using ZstdSharp;

namespace LineServer.Storage.Internal.Segments;

/// <summary>A file of a stream: plain, or compressed because it is sealed.</summary>
/// <param name="FirstLine">The number of its first line.</param>
/// <param name="Name">Its file name.</param>
internal readonly record struct Segment(long FirstLine, string Name)
{
    private const string Zstd = ".zst";
    private const string Gzip = ".gz";

    public SegmentCompression Compression => Path.GetExtension(Name) switch
    {
        Zstd => SegmentCompression.Zstd,
        Gzip => SegmentCompression.Gzip,
        _ => SegmentCompression.None,
    };

    public static string ExtensionOf(SegmentCompression compression) => compression switch
    {
        SegmentCompression.Zstd => Zstd,
        SegmentCompression.Gzip => Gzip,
        _ => string.Empty,
    };

    /// <summary>The segments of a stream, in order. Where there are a plain and a compressed one, the plain one.</summary>
    public static List<Segment> List(IStoreFiles files, string stream)
    {
        var found = new SortedDictionary<long, Segment>();
        foreach (string name in files.List(SegmentPath.DirectoryOf(stream)))
        {
            if (TryParse(name, out Segment segment)
                && (segment.Compression == SegmentCompression.None || !found.ContainsKey(segment.FirstLine)))
            {
                found[segment.FirstLine] = segment;
            }
        }

        return [.. found.Values];
    }

    public static bool TryParse(string name, out Segment segment)
    {
        segment = default;
        if (SegmentPath.FirstLineOf(name) is not { } firstLine)
        {
            return false;
        }

        segment = new Segment(firstLine, name);
        return name == SegmentPath.NameOf(firstLine) + ExtensionOf(segment.Compression);
    }

    /// <summary>Opens the text of the segment.</summary>
    /// <exception cref="IOException">It cannot be read; it may have been compressed or removed just now.</exception>
    public Stream OpenText(IStoreFiles files, string stream)
    {
        var bytes = new StoreFileStream(files.OpenRead($"{SegmentPath.DirectoryOf(stream)}/{Name}"));
        return Compression switch
        {
            SegmentCompression.Zstd => new DecompressionStream(bytes, leaveOpen: false),
            SegmentCompression.Gzip => new GZipStream(bytes, CompressionMode.Decompress),
            _ => bytes,
        };
    }
}
