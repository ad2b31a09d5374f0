using System.Buffers;

namespace LineServer.Framing.Tests;

/// <summary>Bytes cut into segments. Around each lie delimiters and CRs that nobody may see.</summary>
internal static class Segments
{
    /// <param name="stream">All bytes of the stream.</param>
    /// <param name="from">The first one to take.</param>
    /// <param name="to">The first one not to take.</param>
    /// <param name="cuts">Where segments end, in order; the same place twice makes an empty one.</param>
    /// <param name="delimiter">What the sentinels around a segment pretend to be.</param>
    public static ReadOnlySequence<byte> Cut(byte[] stream, int from, int to, ReadOnlySpan<int> cuts, byte delimiter)
    {
        List<ReadOnlyMemory<byte>> pieces = [];
        int start = from;
        foreach (int cut in cuts)
        {
            if (cut >= from && cut <= to)
            {
                pieces.Add(Surrounded(stream.AsSpan(start..cut), delimiter));
                start = cut;
            }
        }

        pieces.Add(Surrounded(stream.AsSpan(start..to), delimiter));
        return Join(pieces);
    }

    public static ReadOnlySequence<byte> Join(params IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        if (pieces.Count == 1)
        {
            return new ReadOnlySequence<byte>(pieces[0]);
        }

        Segment first = new(pieces[0]);
        Segment last = first;
        for (int i = 1; i < pieces.Count; i++)
        {
            last = last.Append(pieces[i]);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private static ReadOnlyMemory<byte> Surrounded(ReadOnlySpan<byte> bytes, byte delimiter)
    {
        byte[] array = new byte[bytes.Length + 4];
        array[0] = array[^2] = array[^1] = delimiter;
        array[1] = (byte)'\r';
        bytes.CopyTo(array.AsSpan(2));
        return array.AsMemory(2, bytes.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory) => Memory = memory;

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            Segment next = new(memory) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}
