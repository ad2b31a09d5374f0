using System.Runtime.InteropServices;

namespace LineServer.Storage.Internal.Commit;

/// <summary>What an attachment has asked for, in the order of asking: to attach, to store lines, to detach.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct GroupItem
{
    /// <summary>
    /// What lines cost beside their bytes: this struct, and an entry in the frame. Without it, single bytes of many
    /// attachments by turns would take a hundred times the memory and the log that the limits allow.
    /// </summary>
    public const int Overhead = 256;

    public required Attachment Attachment;
    public required ItemKind Kind;

    // Lines, as they were gathered.
    public Chunk? Chunk;
    public int Start;
    public int Bytes;
    public int Lines;

    // Set by the committer: where they go. No stream: they were dropped.
    public StoredStream? Stream;
    public long FirstLine;
    public long Segment;
    public long Offset;
    public uint CrcAfter;

    public readonly ReadOnlyMemory<byte> Text => Chunk!.Bytes.AsMemory(Start, Bytes);

    /// <summary>What counts against the limits.</summary>
    public readonly int Cost => Kind == ItemKind.Lines ? Bytes + Overhead : 0;

    public readonly long CountAfter => FirstLine + Lines - 1;
}
