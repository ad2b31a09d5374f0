using System.Buffers.Binary;
using LineServer.Framing;

namespace LineServer.Storage.Internal.Log;

/// <summary>
/// The head of a frame: what one commit has written. It begins at a multiple of <see cref="Alignment"/>; entries and text
/// follow it, then zeros up to the next multiple.
/// </summary>
internal struct Frame
{
    /// <summary>The most that disks write as one, as far as we know. A torn write never harms the frame before it.</summary>
    public const int Alignment = 4096;

    /// <summary>The size of the head in bytes.</summary>
    public const int HeadSize = 64;

    /// <summary>Random, for each store: a client cannot send text that looks like a frame.</summary>
    public ulong Key;

    /// <summary>Raised by each recovery, so that frames which it has not seen count no more.</summary>
    public long Epoch;

    /// <summary>The number of the commit, without a gap.</summary>
    public long Lsn;

    public int EntryCount;
    public int EntryBytes;
    public int TextBytes;
    public bool IsSynced;

    /// <summary>Microseconds since 1970.</summary>
    public long Time;

    /// <summary>CRC-32C of entries and text.</summary>
    public uint ContentCrc;

    /// <summary>What the frame occupies in the log file.</summary>
    public readonly long PaddedSize => Padded((long)HeadSize + EntryBytes + TextBytes);

    public static long Padded(long size) => (size + Alignment - 1) & ~(long)(Alignment - 1);

    public readonly void Write(Span<byte> head)
    {
        head[..HeadSize].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(head, Key);
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], Lsn);
        BinaryPrimitives.WriteInt32LittleEndian(head[24..], EntryCount);
        BinaryPrimitives.WriteInt32LittleEndian(head[28..], EntryBytes);
        BinaryPrimitives.WriteInt32LittleEndian(head[32..], TextBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(head[36..], IsSynced ? 1u : 0u);
        BinaryPrimitives.WriteInt64LittleEndian(head[40..], Time);
        BinaryPrimitives.WriteUInt32LittleEndian(head[48..], ContentCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(head[60..], Crc32C.Of(head[..60]));
    }

    /// <summary>Reads a head. Returns false if there is none of this store.</summary>
    public static bool TryRead(ReadOnlySpan<byte> head, ulong key, out Frame frame)
    {
        frame = default;
        if (head.Length < HeadSize
            || BinaryPrimitives.ReadUInt64LittleEndian(head) != key
            || BinaryPrimitives.ReadUInt32LittleEndian(head[60..]) != Crc32C.Of(head[..60]))
        {
            return false;
        }

        frame = new Frame
        {
            Key = key,
            Epoch = BinaryPrimitives.ReadInt64LittleEndian(head[8..]),
            Lsn = BinaryPrimitives.ReadInt64LittleEndian(head[16..]),
            EntryCount = BinaryPrimitives.ReadInt32LittleEndian(head[24..]),
            EntryBytes = BinaryPrimitives.ReadInt32LittleEndian(head[28..]),
            TextBytes = BinaryPrimitives.ReadInt32LittleEndian(head[32..]),
            IsSynced = (BinaryPrimitives.ReadUInt32LittleEndian(head[36..]) & 1) != 0,
            Time = BinaryPrimitives.ReadInt64LittleEndian(head[40..]),
            ContentCrc = BinaryPrimitives.ReadUInt32LittleEndian(head[48..]),
        };
        return frame is { EntryCount: >= 0, EntryBytes: >= 0, TextBytes: >= 0 };
    }
}
