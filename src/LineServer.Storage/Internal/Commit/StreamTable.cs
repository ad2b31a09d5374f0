using LineServer.Framing;
using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage.Internal.Commit;

/// <summary>
/// The committer's view of the streams: it decides who may write to one, which lines are stored, and where they go.
/// </summary>
internal sealed class StreamTable
{
    private readonly StoreOptions _options;
    private readonly Dictionary<string, StoredStream> _streams = new(StringComparer.Ordinal);
    private readonly List<Attachment> _superseded = [];

    public StreamTable(StoreOptions options, IEnumerable<AppliedStream> streams)
    {
        _options = options;
        foreach (AppliedStream stream in streams)
        {
            _streams.Add(stream.Name, new StoredStream(stream));
        }
    }

    /// <summary>The attachments that the last group has ended.</summary>
    public IReadOnlyList<Attachment> Superseded => _superseded;

    /// <summary>Decides what becomes of each item, in order. Returns the number of lines to write.</summary>
    public int Place(Span<GroupItem> items)
    {
        _superseded.Clear();
        int lines = 0;
        foreach (ref GroupItem item in items)
        {
            switch (item.Kind)
            {
                case ItemKind.Attach:
                    Attach(item.Attachment);
                    break;
                case ItemKind.Detach:
                    Detach(item.Attachment);
                    break;
                default:
                    StoredStream stream = item.Attachment.Stored!;
                    if (item.Attachment.IsShared || stream.Current == item.Attachment || !_options.Rules.FencesOlderAttachments)
                    {
                        PlaceLines(ref item, stream);
                        lines += item.Lines;
                    }

                    break;
            }
        }

        return lines;
    }

    private void PlaceLines(ref GroupItem item, StoredStream stream)
    {
        if (stream.Segment == 0 || stream.SegmentBytes >= _options.SegmentSize)
        {
            stream.Segment = stream.Count + 1;
            stream.SegmentBytes = 0;
        }

        item.Stream = stream;
        item.FirstLine = stream.Count + 1;
        item.Segment = stream.Segment;
        item.Offset = stream.SegmentBytes;
        stream.Count += item.Lines;
        stream.SegmentBytes += item.Bytes;
        stream.Crc = item.CrcAfter = Crc32C.Append(stream.Crc, item.Text.Span);
    }

    private void Attach(Attachment attachment)
    {
        if (!_streams.TryGetValue(attachment.Stream, out StoredStream? stream))
        {
            if (_streams.Count >= _options.MaxStreams)
            {
                attachment.Refused = new(StoreRefusal.TooManyStreams, $"the store holds {_options.MaxStreams} streams, and takes no new one");
                return;
            }

            stream = new StoredStream(new AppliedStream(attachment.Stream));
            _streams.Add(attachment.Stream, stream);
        }

        bool isHeld = stream.Current is { EndReason: AttachmentEnd.None };
        if (attachment.IsShared ? isHeld : stream.Sharers > 0)
        {
            attachment.Refused = new(StoreRefusal.InUse, "the stream is in use by writers of another kind");
            return;
        }

        if (attachment.IsShared)
        {
            stream.Sharers++;
        }
        else
        {
            if (stream.Current is { } older && older.TryEnd(AttachmentEnd.Superseded))
            {
                _superseded.Add(older);
            }

            stream.Current = attachment;
        }

        attachment.Begin(stream);
    }

    private void Detach(Attachment attachment)
    {
        if (attachment.Stored is not { } stream)
        {
            return;
        }

        if (attachment.IsShared)
        {
            stream.Sharers--;
        }
        else if (stream.Current == attachment)
        {
            stream.Current = null;
        }

        if (stream is { Count: 0, Current: null, Sharers: 0 })
        {
            _streams.Remove(stream.Name);
        }
    }
}
