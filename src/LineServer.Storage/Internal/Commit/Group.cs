using System.Runtime.InteropServices;

namespace LineServer.Storage.Internal.Commit;

/// <summary>
/// What one commit takes: gathered under the store's lock, committed by the committer, applied by the applier, and used
/// again.
/// </summary>
internal sealed class Group
{
    private readonly List<GroupItem> _items = [];
    private readonly List<Chunk> _chunks = [];

    public Span<GroupItem> Items => CollectionsMarshal.AsSpan(_items);

    /// <summary>The chunks that hold its text.</summary>
    public List<Chunk> Chunks => _chunks;

    public bool IsEmpty => _items.Count == 0;

    /// <summary>The bytes of lines, and what they cost beside; see <see cref="GroupItem.Cost"/>.</summary>
    public int Cost { get; private set; }

    /// <summary>The number of the commit.</summary>
    public long Lsn { get; set; }

    /// <summary>What the frame occupied in the log.</summary>
    public long LogBytes { get; set; }

    /// <summary>The lines that are committed, and their bytes.</summary>
    public int Lines { get; set; }

    /// <inheritdoc cref="Lines"/>
    public int TextBytes { get; set; }

    public void Add(Attachment attachment, ItemKind kind) => _items.Add(new GroupItem { Attachment = attachment, Kind = kind });

    /// <summary>Adds lines that lie at the end of a chunk. Returns what they cost.</summary>
    public int AddLines(Attachment attachment, Chunk chunk, int start, int bytes, int lines)
    {
        Span<GroupItem> items = Items;
        if (items.Length > 0)
        {
            ref GroupItem last = ref items[^1];
            if (last.Attachment == attachment && last.Kind == ItemKind.Lines && last.Chunk == chunk && last.Start + last.Bytes == start)
            {
                last.Bytes += bytes;
                last.Lines += lines;
                Cost += bytes;
                return bytes;
            }
        }

        if (_chunks.Count == 0 || _chunks[^1] != chunk)
        {
            chunk.Users++;
            _chunks.Add(chunk);
        }

        _items.Add(new GroupItem
        {
            Attachment = attachment,
            Kind = ItemKind.Lines,
            Chunk = chunk,
            Start = start,
            Bytes = bytes,
            Lines = lines,
        });
        Cost += bytes + GroupItem.Overhead;
        return bytes + GroupItem.Overhead;
    }

    public void Clear()
    {
        _items.Clear();
        _chunks.Clear();
        Cost = 0;
    }
}
