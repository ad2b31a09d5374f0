using System.Buffers.Binary;
using System.Text;
using LineServer.Framing;

namespace LineServer.Storage.Internal.Log;

/// <summary>Lines of one stream in a frame, and where they go.</summary>
internal readonly record struct FrameEntry
{
    private const int FixedSize = 1 + 8 + 4 + 4 + 8 + 8 + 4;

    /// <summary>The most bytes that an entry takes.</summary>
    public const int MaxSize = FixedSize + StreamName.MaxLength;

    public required string Stream { get; init; }

    /// <summary>The number of the first line.</summary>
    public required long FirstLine { get; init; }

    public required int Lines { get; init; }

    public required int Bytes { get; init; }

    /// <summary>The segment, by the number of its first line.</summary>
    public required long Segment { get; init; }

    /// <summary>Where the text begins in the segment.</summary>
    public required long Offset { get; init; }

    /// <summary>The CRC-32C of the stream up to and including these lines.</summary>
    public required uint CrcAfter { get; init; }

    public long CountAfter => FirstLine + Lines - 1;

    /// <summary>Returns the number of bytes written.</summary>
    public int Write(Span<byte> to)
    {
        int name = Encoding.ASCII.GetBytes(Stream, to[1..]);
        to[0] = (byte)name;
        to = to[(1 + name)..];
        BinaryPrimitives.WriteInt64LittleEndian(to, FirstLine);
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], Lines);
        BinaryPrimitives.WriteInt32LittleEndian(to[12..], Bytes);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], Segment);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(to[32..], CrcAfter);
        return FixedSize + name;
    }

    /// <summary>Reads an entry, and moves on behind it. Returns false if there is no valid one.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> from, out FrameEntry entry)
    {
        entry = default;
        if (from.IsEmpty || from.Length < FixedSize + from[0] || !StreamName.IsValid(from.Slice(1, from[0])))
        {
            return false;
        }

        string stream = Encoding.ASCII.GetString(from.Slice(1, from[0]));
        ReadOnlySpan<byte> rest = from[(1 + stream.Length)..];
        entry = new FrameEntry
        {
            Stream = stream,
            FirstLine = BinaryPrimitives.ReadInt64LittleEndian(rest),
            Lines = BinaryPrimitives.ReadInt32LittleEndian(rest[8..]),
            Bytes = BinaryPrimitives.ReadInt32LittleEndian(rest[12..]),
            Segment = BinaryPrimitives.ReadInt64LittleEndian(rest[16..]),
            Offset = BinaryPrimitives.ReadInt64LittleEndian(rest[24..]),
            CrcAfter = BinaryPrimitives.ReadUInt32LittleEndian(rest[32..]),
        };
        from = rest[(FixedSize - 1)..];
        return entry is { FirstLine: > 0, Lines: > 0, Bytes: > 0, Segment: > 0, Offset: >= 0 };
    }
}
