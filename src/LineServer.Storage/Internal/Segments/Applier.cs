using System.Diagnostics;
using System.Runtime.InteropServices;
using LineServer.Storage.Internal.Commit;

namespace LineServer.Storage.Internal.Segments;

/// <summary>Writes committed lines to the segments, and knows how far the segments have come.</summary>
internal sealed class Applier(SegmentFiles segments, Checkpoint checkpoint)
{
    private readonly List<AppliedStream> _streams = [.. checkpoint.Streams];
    private readonly List<AppliedStream> _pending = [];

    /// <summary>The number of the last commit that is in the segments.</summary>
    public long Lsn { get; private set; } = checkpoint.Lsn;

    /// <summary>The bytes of the log that were applied since the last checkpoint.</summary>
    public long LogBytesSinceCheckpoint { get; private set; }

    /// <summary>Writes what groups hold.</summary>
    /// <param name="groups">What was committed, in order.</param>
    /// <param name="applied">Called with the name of each stream that has got lines.</param>
    /// <exception cref="IOException">A write has failed.</exception>
    public void Apply(List<Group> groups, Action<string>? applied)
    {
        long bytes = 0;
        foreach (Group group in groups)
        {
            Gather(group);
            bytes += group.TextBytes;
        }

        foreach (AppliedStream stream in _pending)
        {
            segments.WritePending(stream);
            applied?.Invoke(stream.Name);
        }

        _pending.Clear();
        segments.BeginWriteBack(bytes);
    }

    /// <summary>A stream loses its lines before one.</summary>
    public void KeepFrom(string name, long firstKept)
    {
        if (_streams.Find(stream => stream.Name == name) is { } stream)
        {
            stream.First = Math.Max(stream.First, firstKept);
        }
    }

    /// <summary>Makes durable what is in the segments. Returns what a checkpoint says of it.</summary>
    /// <exception cref="IOException">A sync has failed.</exception>
    public Checkpoint Sync()
    {
        segments.Sync();
        LogBytesSinceCheckpoint = 0;
        return checkpoint with { Lsn = Lsn, Streams = _streams };
    }

    /// <summary>Gathers the text of each stream, so that it is written in one piece.</summary>
    private void Gather(Group group)
    {
        foreach (ref GroupItem item in group.Items)
        {
            if (item.Kind != ItemKind.Lines || item.Stream is null)
            {
                continue;
            }

            AppliedStream stream = item.Stream.Applied;
            if (stream.Count == 0)
            {
                _streams.Add(stream);
            }

            if (stream.Segment != item.Segment)
            {
                segments.Begin(stream, item.Segment);
            }

            Debug.Assert(stream.SegmentBytes + stream.PendingBytes == item.Offset, "a segment has a gap");
            if (stream.PendingBytes == 0)
            {
                _pending.Add(stream);
            }

            AddText(stream.Pending, item);
            stream.PendingBytes += item.Bytes;
            stream.Count = item.CountAfter;
            stream.Crc = item.CrcAfter;
        }

        Lsn = group.Lsn;
        LogBytesSinceCheckpoint += group.LogBytes;
    }

    // The lines of a stream that has the store for itself lie one behind the other, also those of several commits.
    private static void AddText(List<ReadOnlyMemory<byte>> pending, in GroupItem item)
    {
        if (pending.Count > 0
            && MemoryMarshal.TryGetArray(pending[^1], out ArraySegment<byte> last)
            && last.Array == item.Chunk!.Bytes
            && last.Offset + last.Count == item.Start)
        {
            pending[^1] = last.Array.AsMemory(last.Offset, last.Count + item.Bytes);
        }
        else
        {
            pending.Add(item.Text);
        }
    }
}
