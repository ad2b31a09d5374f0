using System.Globalization;
using System.Text;
using LineServer.Framing;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage.Internal;

/// <summary>
/// The state of all streams up to a commit, as text: everything up to there is in the segments, durably. A new one
/// replaces the old one as a whole.
/// </summary>
internal sealed record Checkpoint(long Epoch, long Lsn, IReadOnlyCollection<AppliedStream> Streams)
{
    public const string Path = "CHECKPOINT";

    private const string NewPath = "CHECKPOINT.tmp";
    private const string FirstLine = "lineserver-checkpoint 1";

    /// <exception cref="StoreException">There is none, or it is damaged.</exception>
    public static Checkpoint Read(IStoreFiles files)
    {
        if (files.LengthOf(Path) is null)
        {
            throw new StoreException($"{Path} is missing: this store was damaged, or a copy of it is incomplete");
        }

        string text = TextFile.Read(files, Path);
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (!TextFile.IsWhole(text) || lines.Length < 4 || lines[0] != FirstLine)
        {
            throw new StoreException($"{Path} is damaged: its checksum differs");
        }

        try
        {
            return new Checkpoint(Number(lines[1], "epoch "), Number(lines[2], "lsn "), [.. lines[3..^1].Select(ParseStream)]);
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new StoreException($"{Path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Replaces the checkpoint. When this returns, the new one is durable.</summary>
    public void Write(IStoreFiles files)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{FirstLine}\nepoch {Epoch}\nlsn {Lsn}\n");
        foreach (AppliedStream s in Streams)
        {
            text.Append(CultureInfo.InvariantCulture, $"stream {s.Name} {s.Count} {s.Crc:x8} {s.First} {s.Segment} {s.SegmentBytes}\n");
        }

        TextFile.Replace(files, Path, NewPath, TextFile.WithChecksum(text.ToString()));
    }

    private static long Number(string line, string key) =>
        line.StartsWith(key, StringComparison.Ordinal)
            ? long.Parse(line.AsSpan(key.Length), NumberStyles.None, CultureInfo.InvariantCulture)
            : throw new FormatException($"'{line}' is no '{key}'");

    private static AppliedStream ParseStream(string line)
    {
        string[] parts = line.Split(' ');
        if (parts.Length != 7 || parts[0] != "stream" || !StreamName.IsValid(parts[1]))
        {
            throw new FormatException($"'{line}' is no stream");
        }

        return new AppliedStream(parts[1])
        {
            Count = Number(parts[2], string.Empty),
            Crc = uint.Parse(parts[3], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
            First = Number(parts[4], string.Empty),
            Segment = Number(parts[5], string.Empty),
            SegmentBytes = Number(parts[6], string.Empty),
        };
    }
}
