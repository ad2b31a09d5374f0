using LineServer.Framing;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Log;
using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage.Internal;

/// <summary>
/// Opens a store. What the log holds beyond the checkpoint is written to the segments again and synced, and a new
/// checkpoint covers it, before anyone is told a count: a page cache after a failed sync shows bytes that are not on the
/// disk, so nothing is concluded from reading alone.
/// </summary>
internal sealed class Recovery(IStoreFiles files, StoreOptions options)
{
    private const string Orphans = "orphans";

    private readonly Dictionary<string, AppliedStream> _streams = new(StringComparer.Ordinal);

    /// <summary>True for a repair: what lies behind a damaged place in the log is dropped.</summary>
    public bool KeepsWhatPrecedesDamage { get; init; }

    /// <summary>The lines that were in the log and in no checkpoint.</summary>
    public long RecoveredLines { get; private set; }

    /// <summary>Opens the store, or makes a new one.</summary>
    /// <param name="renewsLog">True after a failed write or sync: the log files are made anew.</param>
    /// <exception cref="StoreException">The store is damaged, or none of this version.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public StoreCore Open(bool renewsLog = false)
    {
        StoreIdentity identity = StoreIdentity.Read(files) ?? StoreIdentity.Create(files);
        Checkpoint checkpoint = Checkpoint.Read(files);
        foreach (AppliedStream stream in checkpoint.Streams)
        {
            ThrowIfShort(stream);
            _streams.Add(stream.Name, stream);
        }

        var log = new LogReader(files, identity.Key, checkpoint, options.Rules);
        log.Read();
        if (!KeepsWhatPrecedesDamage)
        {
            log.ThrowIfDamaged();
        }

        // On a full disk, the segments need the room that a file of zeros has taken.
        files.Delete(LogFiles.Unfilled);
        var segments = new SegmentFiles(files, options.MaxOpenSegments);
        try
        {
            // Cut first, then written again: after a failed write-back, ext4 leaves what was never on the disk marked as
            // unwritten, also when the same bytes are then written there and synced.
            foreach (AppliedStream stream in _streams.Values)
            {
                segments.CutBehindEnd(stream);
            }

            foreach (FramePlace place in log.Accepted)
            {
                Apply(place, log.ReadContent(place), segments);
            }

            MoveOrphans(checkpoint.Epoch);
            segments.Sync();
            var next = new Checkpoint(options.Rules.NextEpoch(checkpoint.Epoch), log.LastLsn, _streams.Values);
            next.Write(files);
            if (renewsLog)
            {
                RemoveLog();
            }

            return new StoreCore(files, options, identity, next, segments);
        }
        catch
        {
            segments.Dispose();
            throw;
        }
    }

    private void ThrowIfShort(AppliedStream stream)
    {
        string path = SegmentPath.Of(stream.Name, stream.Segment);
        long length = files.LengthOf(path)
            ?? throw new StoreException($"{path} is missing; by the checkpoint it has {stream.SegmentBytes} bytes");
        if (length < stream.SegmentBytes)
        {
            throw new StoreException($"{path} has {length} bytes; by the checkpoint it has {stream.SegmentBytes}. Something else has cut it");
        }
    }

    private void Apply(in FramePlace place, ReadOnlyMemory<byte> content, SegmentFiles segments)
    {
        ReadOnlySpan<byte> entries = content.Span[..place.Frame.EntryBytes];
        ReadOnlyMemory<byte> text = content[place.Frame.EntryBytes..];
        var touched = new HashSet<AppliedStream>();
        for (int i = 0; i < place.Frame.EntryCount; i++)
        {
            if (!FrameEntry.TryRead(ref entries, out FrameEntry entry) || entry.Bytes > text.Length)
            {
                throw new StoreException($"{place}: entry {i} cannot be read");
            }

            Apply(place, entry, text[..entry.Bytes], segments, touched);
            text = text[entry.Bytes..];
        }

        // Before the next frame is read into the same memory.
        foreach (AppliedStream stream in touched)
        {
            segments.WritePending(stream);
        }
    }

    private void Apply(in FramePlace place, in FrameEntry entry, ReadOnlyMemory<byte> text, SegmentFiles segments, HashSet<AppliedStream> touched)
    {
        if (!_streams.TryGetValue(entry.Stream, out AppliedStream? stream))
        {
            stream = new AppliedStream(entry.Stream);
            _streams.Add(stream.Name, stream);
        }

        bool beginsSegment = entry.Segment != stream.Segment;
        long offset = beginsSegment ? 0 : stream.SegmentBytes + stream.PendingBytes;
        if (entry.FirstLine != stream.Count + 1
            || entry.Offset != offset
            || (beginsSegment && entry.Segment != entry.FirstLine)
            || entry.CrcAfter != Crc32C.Append(stream.Crc, text.Span))
        {
            throw new StoreException($"{place}: line {entry.FirstLine} of '{entry.Stream}' does not follow line {stream.Count}");
        }

        if (beginsSegment)
        {
            segments.Begin(stream, entry.Segment);
        }

        touched.Add(stream);
        stream.Pending.Add(text);
        stream.PendingBytes += text.Length;
        stream.Count = entry.CountAfter;
        stream.Crc = entry.CrcAfter;
        RecoveredLines += entry.Lines;
    }

    /// <summary>
    /// Segments of lines that the log has lost: only after a machine has failed, with <see cref="Durability.Written"/>.
    /// They are moved away, because their line numbers will be given again.
    /// </summary>
    private void MoveOrphans(long epoch)
    {
        foreach (string name in files.List(SegmentPath.Root))
        {
            if (!_streams.TryGetValue(name, out AppliedStream? stream))
            {
                MoveOrphan($"{SegmentPath.Root}/{name}", $"{name}.{epoch}", SegmentPath.Root);
                continue;
            }

            string directory = SegmentPath.DirectoryOf(name);
            foreach (string segment in files.List(directory))
            {
                if (SegmentPath.FirstLineOf(segment) > stream.Segment)
                {
                    MoveOrphan($"{directory}/{segment}", $"{name}.{epoch}.{segment}", directory);
                }
            }
        }
    }

    private void MoveOrphan(string path, string newName, string directory)
    {
        files.CreateDirectory(Orphans);
        files.SyncDirectory(string.Empty);
        files.Rename(path, $"{Orphans}/{newName}");
        files.SyncDirectory(Orphans);
        files.SyncDirectory(directory);
    }

    private void RemoveLog()
    {
        for (int file = 0; file < LogFiles.Count; file++)
        {
            files.Delete(LogFiles.PathOf(file));
        }

        files.SyncDirectory(LogFiles.Directory);
    }
}
