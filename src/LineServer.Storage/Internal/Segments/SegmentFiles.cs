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

    private readonly LinkedList<AppliedStream> _open = [];
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
        if (stream.SegmentBytes - stream.WriteBackFrom >= WriteBackSize)
        {
            BeginWriteBack(stream, file);
        }

        stream.Pending.Clear();
        stream.PendingBytes = 0;
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
        // All at once first: one sync then waits for what the one before it has written too.
        foreach (AppliedStream stream in _dirty)
        {
            if (stream is { IsDirty: true, File: { } file })
            {
                BeginWriteBack(stream, file);
            }
        }

        foreach (AppliedStream stream in _dirty)
        {
            if (stream.IsDirty)
            {
                FileOf(stream).Sync();
                stream.IsDirty = false;
            }
        }

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

    private static void BeginWriteBack(AppliedStream stream, IStoreFile file)
    {
        if (stream.SegmentBytes > stream.WriteBackFrom)
        {
            file.BeginWriteBack(stream.WriteBackFrom, stream.SegmentBytes - stream.WriteBackFrom);
            stream.WriteBackFrom = stream.SegmentBytes;
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
