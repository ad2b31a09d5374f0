using LineServer.Framing;
using LineServer.Storage.Internal.Commit;

namespace LineServer.Storage.Internal.Log;

/// <summary>Builds the frame of a group: head and entries in a buffer of its own, the text where it lies.</summary>
internal sealed class FrameWriter
{
    private static readonly byte[] Zeros = new byte[Frame.Alignment];

    private readonly List<ReadOnlyMemory<byte>> _buffers = [];
    private byte[] _head = new byte[Frame.Alignment];

    /// <summary>The frame, padded. Valid until the next one is built.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Buffers => _buffers;

    /// <summary>Builds a frame of the lines that have a stream. <paramref name="frame"/> brings key, epoch, lsn and flags.</summary>
    /// <returns>The size of the frame in bytes.</returns>
    public long Build(ref Frame frame, Span<GroupItem> items)
    {
        int most = Frame.HeadSize + (items.Length * FrameEntry.MaxSize);
        if (_head.Length < most)
        {
            _head = new byte[most];
        }

        _buffers.Clear();
        _buffers.Add(default); // the head, once its size is known
        int end = Frame.HeadSize;
        Chunk? chunk = null;
        int start = 0;
        int length = 0;
        foreach (ref GroupItem item in items)
        {
            if (item.Kind != ItemKind.Lines || item.Stream is null)
            {
                continue;
            }

            end += EntryOf(item).Write(_head.AsSpan(end));
            frame.EntryCount++;
            frame.TextBytes += item.Bytes;
            if (item.Chunk == chunk && start + length == item.Start)
            {
                length += item.Bytes;
                continue;
            }

            AddText(chunk, start, length);
            (chunk, start, length) = (item.Chunk, item.Start, item.Bytes);
        }

        AddText(chunk, start, length);
        frame.EntryBytes = end - Frame.HeadSize;
        _buffers[0] = _head.AsMemory(0, end);
        frame.ContentCrc = Crc32C.Of(_head.AsSpan(Frame.HeadSize, frame.EntryBytes));
        for (int text = 1; text < _buffers.Count; text++)
        {
            frame.ContentCrc = Crc32C.Append(frame.ContentCrc, _buffers[text].Span);
        }

        frame.Write(_head);
        int padding = (int)(frame.PaddedSize - end - frame.TextBytes);
        _buffers.Add(Zeros.AsMemory(0, padding));
        return frame.PaddedSize;
    }

    private static FrameEntry EntryOf(in GroupItem item) => new()
    {
        Stream = item.Stream!.Name,
        FirstLine = item.FirstLine,
        Lines = item.Lines,
        Bytes = item.Bytes,
        Segment = item.Segment,
        Offset = item.Offset,
        CrcAfter = item.CrcAfter,
    };

    private void AddText(Chunk? chunk, int start, int length)
    {
        if (chunk is not null)
        {
            _buffers.Add(chunk.Bytes.AsMemory(start, length));
        }
    }
}
