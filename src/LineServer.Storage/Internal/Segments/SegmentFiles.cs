using System.Runtime.InteropServices;
using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Internal.Segments;

/// <summary>
/// The segments that grow, one of each stream. A bounded number of them is open; the one that has waited longest is
/// closed for another.
/// </summary>
internal sealed class SegmentFiles(IStoreFiles files, int maxOpen) : IDisposable
{
    // Write-back of every small write would be a request to the disk for each stream and commit, in front of the log's own.
    private const long WriteBackSize = 128 * 1024;

    // What is on its way to the disk at once: a commit waits behind it.
    private const long MostInFlight = 256 * 1024;

    private readonly LinkedList<AppliedStream> _open = [];
    private readonly Queue<AppliedStream> _toWriteBack = new();
    private readonly HashSet<string> _newEntries = new(StringComparer.Ordinal); // directories in which something was created
    private readonly List<AppliedStream> _dirty = [];

    /// <summary>Writes the pending text of a stream to its segment.</summary>
    public void WritePending(AppliedStream stream)
    {
        if (stream.PendingBytes == 0)
        {
            return;
        }

        IStoreFile file = FileOf(stream);
        MarkDirty(stream);
        file.Write(stream.Pending, stream.SegmentBytes);
        stream.SegmentBytes += stream.PendingBytes;
        if (stream.SegmentBytes - stream.WriteBackFrom >= WriteBackSize && !stream.IsWriteBackDue)
        {
            stream.IsWriteBackDue = true;
            _toWriteBack.Enqueue(stream);
        }

        stream.Pending.Clear();
        stream.PendingBytes = 0;
    }

    /// <summary>
    /// Begins the write-back of about as many bytes as were written, of the streams that have waited longest. Streams that
    /// grow alike are all due at once, and a commit would wait for all of them.
    /// </summary>
    /// <param name="bytes">What was written since the last call.</param>
    public void BeginWriteBack(long bytes)
    {
        while (bytes > 0 && _toWriteBack.TryDequeue(out AppliedStream? stream))
        {
            stream.IsWriteBackDue = false;
            bytes -= BeginWriteBack(stream);
        }
    }

    /// <summary>The stream goes on in a new segment: the old one becomes durable now, and is closed.</summary>
    public void Begin(AppliedStream stream, long segment)
    {
        WritePending(stream);
        if (stream.Segment != 0)
        {
            if (stream.IsDirty)
            {
                FileOf(stream).Sync();
                stream.IsDirty = false;
            }

            Close(stream);
        }
        else
        {
            files.CreateDirectory(SegmentPath.DirectoryOf(stream.Name));
            _newEntries.Add(SegmentPath.Root);
        }

        _newEntries.Add(SegmentPath.DirectoryOf(stream.Name));
        stream.Segment = segment;
        stream.SegmentBytes = 0;
        stream.WriteBackFrom = 0;
        MarkDirty(stream);
        CutBehindEnd(stream);
    }

    /// <summary>Removes what lies behind the last line. In a recovery, which writes it again.</summary>
    public void CutBehindEnd(AppliedStream stream)
    {
        if (files.LengthOf(SegmentPath.Of(stream.Name, stream.Segment)) > stream.SegmentBytes)
        {
            FileOf(stream).SetLength(stream.SegmentBytes);
            MarkDirty(stream);
        }
    }

    /// <summary>Makes everything durable that was written and created.</summary>
    public void Sync()
    {
        // Some at a time. The first sync then waits for the writes of its neighbours too, but no commit waits for all.
        int synced = 0;
        long inFlight = 0;
        for (int begun = 0; begun < _dirty.Count; begun++)
        {
            inFlight += BeginWriteBack(_dirty[begun]);
            if (inFlight >= MostInFlight)
            {
                Sync(CollectionsMarshal.AsSpan(_dirty)[synced..(begun + 1)]);
                (synced, inFlight) = (begun + 1, 0);
            }
        }

        Sync(CollectionsMarshal.AsSpan(_dirty)[synced..]);
        _dirty.Clear();
        foreach (string directory in _newEntries)
        {
            files.SyncDirectory(directory);
        }

        _newEntries.Clear();
    }

    public void Dispose()
    {
        foreach (AppliedStream stream in _open)
        {
            stream.File?.Dispose();
            stream.File = null;
        }

        _open.Clear();
    }

    /// <returns>The bytes that are on their way. None if the segment is closed: its sync writes them.</returns>
    private static long BeginWriteBack(AppliedStream stream)
    {
        long bytes = stream.SegmentBytes - stream.WriteBackFrom;
        if (stream.File is not { } file || bytes == 0)
        {
            return 0;
        }

        file.BeginWriteBack(stream.WriteBackFrom, bytes);
        stream.WriteBackFrom = stream.SegmentBytes;
        return bytes;
    }

    private void Sync(ReadOnlySpan<AppliedStream> streams)
    {
        foreach (AppliedStream stream in streams)
        {
            if (stream.IsDirty)
            {
                FileOf(stream).Sync();
                stream.IsDirty = false;
            }
        }
    }

    private void MarkDirty(AppliedStream stream)
    {
        if (!stream.IsDirty)
        {
            stream.IsDirty = true;
            _dirty.Add(stream);
        }
    }

    private IStoreFile FileOf(AppliedStream stream)
    {
        if (stream.File is { } open)
        {
            if (_open.Last != stream.OpenNode)
            {
                _open.Remove(stream.OpenNode!);
                _open.AddLast(stream.OpenNode!);
            }

            return open;
        }

        if (_open.Count >= maxOpen)
        {
            // It may be dirty. The kernel keeps an error of a write back for the next descriptor that syncs it.
            Close(_open.First!.Value);
        }

        stream.File = files.Open(SegmentPath.Of(stream.Name, stream.Segment));
        stream.OpenNode ??= new LinkedListNode<AppliedStream>(stream);
        _open.AddLast(stream.OpenNode);
        return stream.File;
    }

    private void Close(AppliedStream stream)
    {
        if (stream.File is { } file)
        {
            _open.Remove(stream.OpenNode!);
            stream.File = null;
            file.Dispose();
        }
    }
}
