using System.Runtime.Versioning;
using LineServer.Framing;
using LineServer.Storage.Internal;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Log;
using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage;

/// <summary>
/// A store's directory for an administrator: lists, verifies, repairs, forgets. Listing and verifying work while a server
/// has the store open, and see what is durable; the others need it closed.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class StoreDirectory
{
    private readonly LinuxStoreFiles _files;

    /// <summary>Names the directory of a store.</summary>
    /// <param name="path">Its path.</param>
    public StoreDirectory(string path) => _files = new LinuxStoreFiles(Path.GetFullPath(path));

    /// <summary>The streams, by name.</summary>
    /// <exception cref="StoreException">It is no store, or damaged.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public IReadOnlyList<StreamSummary> ListStreams()
    {
        Checkpoint checkpoint = ReadCheckpoint();
        Dictionary<string, AppliedStream> known = checkpoint.Streams.ToDictionary(stream => stream.Name, StringComparer.Ordinal);
        IEnumerable<string> names = _files.List(SegmentPath.Root).Where(StreamName.IsValid).Union(known.Keys, StringComparer.Ordinal);
        return [.. names.Order(StringComparer.Ordinal).Select(name => Summarize(known.GetValueOrDefault(name) ?? new AppliedStream(name)))];
    }

    /// <summary>
    /// Reads everything: each stream's lines up to the last checkpoint, their numbers and their checksum, and the log.
    /// </summary>
    /// <returns>What is wrong; empty if nothing is.</returns>
    /// <exception cref="StoreException">It is no store, or its checkpoint cannot be read.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public IReadOnlyList<string> Verify()
    {
        var problems = new List<string>();
        StoreIdentity identity = ReadIdentity();
        Checkpoint checkpoint = ReadCheckpoint();
        foreach (AppliedStream stream in checkpoint.Streams.OrderBy(stream => stream.Name, StringComparer.Ordinal))
        {
            if (Verify(stream) is { } problem)
            {
                problems.Add(problem);
            }
        }

        try
        {
            var log = new LogReader(_files, identity.Key, checkpoint, new StoreRules());
            log.Read();
            log.ThrowIfDamaged();
        }
        catch (StoreException e)
        {
            // A running server may have written a checkpoint and used the log again meanwhile. Then this says nothing.
            if (ReadCheckpoint().Lsn == checkpoint.Lsn)
            {
                problems.Add(e.Message);
            }
        }

        return problems;
    }

    /// <summary>Removes a stream and its lines: its name begins at line 1 again.</summary>
    /// <returns>False if there is no such stream.</returns>
    /// <exception cref="StoreException">The store is in use, damaged, or none.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public bool Forget(string stream)
    {
        ReadIdentity();
        using StoreLock held = StoreLock.Take(_files.Root);
        using (new Recovery(_files, new StoreOptions()).Open())
        {
        }

        Checkpoint checkpoint = ReadCheckpoint();
        if (!checkpoint.Streams.Any(known => known.Name == stream))
        {
            return false;
        }

        // The checkpoint first: lines without a stream are moved away by the next start, a stream without lines is damage.
        (checkpoint with { Streams = [.. checkpoint.Streams.Where(known => known.Name != stream)] }).Write(_files);
        string directory = SegmentPath.DirectoryOf(stream);
        foreach (string name in _files.List(directory))
        {
            _files.Delete($"{directory}/{name}");
        }

        _files.DeleteDirectory(directory);
        _files.SyncDirectory(SegmentPath.Root);
        return true;
    }

    /// <summary>
    /// Opens a store whose log is damaged: the commits before the damage are kept, those behind it are dropped. The log is
    /// left beside, as <c>log.damaged.N</c>.
    /// </summary>
    /// <returns>What was dropped, a line each; empty if the store was not damaged.</returns>
    /// <exception cref="StoreException">The store is in use, none, or damaged elsewhere than in its log.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public IReadOnlyList<string> Repair()
    {
        StoreIdentity identity = ReadIdentity();
        using StoreLock held = StoreLock.Take(_files.Root);
        Checkpoint checkpoint = ReadCheckpoint();
        var log = new LogReader(_files, identity.Key, checkpoint, new StoreRules());
        log.Read();
        List<string> dropped = [.. log.Behind.Where(place => place.Frame.IsSynced).SelectMany(place => Describe(log, place))];
        if (dropped.Count > 0)
        {
            CopyLog(checkpoint.Epoch);
        }

        using (new Recovery(_files, new StoreOptions()) { KeepsWhatPrecedesDamage = true }.Open())
        {
        }

        return dropped;
    }

    private static List<string> Describe(LogReader log, FramePlace place)
    {
        ReadOnlyMemory<byte> content = log.ReadContent(place);
        ReadOnlySpan<byte> entries = content.Span[..place.Frame.EntryBytes];
        var lines = new List<string>();
        for (int i = 0; i < place.Frame.EntryCount && FrameEntry.TryRead(ref entries, out FrameEntry entry); i++)
        {
            lines.Add($"commit {place.Frame.Lsn}: lines {entry.FirstLine} to {entry.CountAfter} of '{entry.Stream}'");
        }

        return lines;
    }

    private void CopyLog(long epoch)
    {
        string target = $"log.damaged.{epoch}";
        _files.CreateDirectory(target);
        foreach (string name in _files.List(LogFiles.Directory))
        {
            File.Copy(Path.Combine(_files.Root, LogFiles.Directory, name), Path.Combine(_files.Root, target, name), overwrite: true);
        }

        _files.SyncDirectory(string.Empty);
    }

    private StoreIdentity ReadIdentity() => StoreIdentity.Read(_files) ?? throw new StoreException($"{_files.Root} is no store: {StoreIdentity.Path} is missing");

    private Checkpoint ReadCheckpoint()
    {
        ReadIdentity();
        return Checkpoint.Read(_files);
    }

    private StreamSummary Summarize(AppliedStream stream)
    {
        List<Segment> segments = Segment.List(_files, stream.Name);
        long bytes = segments.Sum(segment => _files.LengthOf($"{SegmentPath.DirectoryOf(stream.Name)}/{segment.Name}") ?? 0);
        long count = stream.Count;
        using var cursor = new StreamCursor(_files, stream.Name, Math.Max(count + 1, segments.Count > 0 ? segments[0].FirstLine : 1));
        while (cursor.TryRead(long.MaxValue, out _, out long more))
        {
            count += more;
        }

        return new StreamSummary(stream.Name, count, segments.Count > 0 ? segments[0].FirstLine : count + 1, segments.Count, bytes);
    }

    private string? Verify(AppliedStream stream)
    {
        try
        {
            using var cursor = new StreamCursor(_files, stream.Name, stream.First);
            uint crc = 0;
            while (cursor.NextLine <= stream.Count && cursor.TryRead(stream.Count - cursor.NextLine + 1, out ReadOnlySpan<byte> lines, out _))
            {
                crc = Crc32C.Append(crc, lines);
            }

            if (cursor.NextLine <= stream.Count)
            {
                return $"{stream.Name}: line {cursor.NextLine} is missing; by the checkpoint there are {stream.Count}";
            }

            // What retention has removed is part of the checksum, and cannot be read.
            return stream.First == 1 && crc != stream.Crc
                ? $"{stream.Name}: the checksum of its {stream.Count} lines is {crc:x8}; by the checkpoint it is {stream.Crc:x8}"
                : null;
        }
        catch (Exception e) when (e is LineNotKeptException or InvalidDataException)
        {
            return $"{stream.Name}: {e.Message}";
        }
    }
}
