using System.IO.Compression;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Segments;
using ZstdSharp;

namespace LineServer.Storage.Internal;

/// <summary>
/// Compresses and removes sealed segments: those before the one that the checkpoint says is growing. No recovery writes
/// to them.
/// </summary>
internal sealed class Keeper(IStoreFiles files, StoreOptions options, TimeProvider time)
{
    private const string Unfinished = ".tmp";
    private const int CopySize = 256 * 1024;

    /// <summary>True if there is anything to keep in order.</summary>
    public bool IsNeeded => options.Compression != SegmentCompression.None || options.MaxAge is not null || options.MaxBytes is not null;

    /// <summary>The streams that retention shortens, and the first line that each keeps.</summary>
    public IReadOnlyDictionary<string, long> FindWhatGoes()
    {
        if (options.MaxAge is null && options.MaxBytes is null)
        {
            // Listing the directories of ten thousand streams is not free.
            return new Dictionary<string, long>(StringComparer.Ordinal);
        }

        List<Sealed> oldestFirst = [.. ListSealed().OrderBy(segment => segment.WrittenAt)];
        long excess = options.MaxBytes is { } most ? BytesOfAll() - most : 0;
        DateTimeOffset? limit = time.GetUtcNow() - options.MaxAge;
        var kept = new Dictionary<string, long>(StringComparer.Ordinal);
        var stays = new HashSet<string>(StringComparer.Ordinal);
        foreach (Sealed segment in oldestFirst)
        {
            // A stream loses lines from its front only, whatever the times of its files say.
            if (stays.Contains(segment.Stream) || segment.First != kept.GetValueOrDefault(segment.Stream, segment.FirstOfStream))
            {
                continue;
            }

            if (segment.WrittenAt < limit || excess > 0)
            {
                kept[segment.Stream] = segment.Next;
                excess -= segment.Bytes;
            }
            else
            {
                stays.Add(segment.Stream);
            }
        }

        return kept;
    }

    /// <summary>Deletes the segments of a stream before a line. The checkpoint says already that they are gone.</summary>
    public void Remove(string stream, long firstKept)
    {
        string directory = SegmentPath.DirectoryOf(stream);
        // In order: where this ends early, what is left has no gap.
        foreach (string name in files.List(directory).Order(StringComparer.Ordinal))
        {
            if (SegmentPath.FirstLineOf(name) < firstKept)
            {
                files.Delete($"{directory}/{name}");
            }
        }

        files.SyncDirectory(directory);
    }

    /// <summary>Compresses the segments that were sealed since the last call; the store does not wait for all to stop.</summary>
    public void Compress(CancellationToken cancellation)
    {
        if (options.Compression == SegmentCompression.None)
        {
            return;
        }

        foreach (Sealed segment in ListSealed().Where(segment => segment.IsPlain))
        {
            cancellation.ThrowIfCancellationRequested();
            Compress(segment);
        }
    }

    private void Compress(Sealed segment)
    {
        string directory = SegmentPath.DirectoryOf(segment.Stream);
        string plain = SegmentPath.Of(segment.Stream, segment.First);
        string compressed = plain + Segment.ExtensionOf(options.Compression);
        if (files.LengthOf(compressed) is null)
        {
            using (IStoreFile target = files.Open(compressed + Unfinished))
            {
                target.SetLength(0);
                using (Stream text = new StoreFileStream(files.OpenRead(plain)))
                using (Stream compressor = NewCompressor(new StoreFileStream(target)))
                {
                    text.CopyTo(compressor, CopySize);
                }

                target.Sync();
            }

            files.Rename(compressed + Unfinished, compressed);
        }

        // Always: whoever renamed it may have ended, or failed, before this.
        files.SyncDirectory(directory);
        files.Delete(plain);
    }

    // Leaves the file open: it has to be synced.
    private Stream NewCompressor(Stream target) => options.Compression == SegmentCompression.Zstd
        ? new CompressionStream(target, leaveOpen: true)
        : new GZipStream(target, CompressionLevel.Optimal, leaveOpen: true);

    private List<Sealed> ListSealed()
    {
        var found = new List<Sealed>();
        foreach (AppliedStream stream in Checkpoint.Read(files).Streams)
        {
            List<Segment> segments = Segment.List(files, stream.Name);
            for (int i = 0; i < segments.Count && segments[i].FirstLine < stream.Segment; i++)
            {
                string path = $"{SegmentPath.DirectoryOf(stream.Name)}/{segments[i].Name}";
                long next = i + 1 < segments.Count ? segments[i + 1].FirstLine : stream.Segment;
                found.Add(new Sealed(
                    stream.Name,
                    segments[0].FirstLine,
                    segments[i].FirstLine,
                    next,
                    files.LengthOf(path) ?? 0,
                    files.WrittenAt(path) ?? DateTimeOffset.MaxValue,
                    segments[i].Compression == SegmentCompression.None));
            }
        }

        return found;
    }

    private long BytesOfAll() => files.List(SegmentPath.Root)
        .Sum(stream => files.List(SegmentPath.DirectoryOf(stream)).Sum(name => files.LengthOf($"{SegmentPath.DirectoryOf(stream)}/{name}") ?? 0));

    private sealed record Sealed(string Stream, long FirstOfStream, long First, long Next, long Bytes, DateTimeOffset WrittenAt, bool IsPlain);
}
