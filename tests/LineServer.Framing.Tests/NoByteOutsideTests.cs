using System.Buffers;
using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>No byte outside the buffer is read: it lies between pages that may not be touched.</summary>
public class NoByteOutsideTests
{
    [Fact]
    public void Streams_at_the_edges_of_accessible_memory()
    {
        using GuardedMemory memory = new(pages: 2);
        foreach ((string text, int limit) in Corpus.Small.Select(text => (text, 4)).Concat(Corpus.Large))
        {
            byte[] stream = Encoding.Latin1.GetBytes(text);
            for (int length = 0; length <= stream.Length; length++)
            {
                foreach (FramingMode mode in Enum.GetValues<FramingMode>())
                {
                    LineFormat format = new() { Mode = mode, MaxLineSize = limit, OversizeLineBehavior = OversizeLineBehavior.Truncate };
                    ReadOnlySpan<byte> read = stream.AsSpan(0, length);
                    int expected = Verdict.Of(read, format, isCompleted: false).Lines.Count;
                    foreach (Way way in new[] { Way.Foreach, Way.Visitor, Way.Runs })
                    {
                        Assert.Equal(expected, Count(PlaceAt(memory, memory.Length - length, read), format, way));
                        Assert.Equal(expected, Count(PlaceAt(memory, 0, read), format, way));
                    }
                }
            }
        }
    }

    [Fact]
    public void Segments_at_the_edges_of_accessible_memory()
    {
        using GuardedMemory head = new(pages: 1);
        using GuardedMemory tail = new(pages: 1);
        foreach ((string text, int limit) in Corpus.Small.Select(text => (text, 4)).Concat(Corpus.Large))
        {
            byte[] stream = Encoding.Latin1.GetBytes(text);
            foreach (FramingMode mode in Enum.GetValues<FramingMode>())
            {
                LineFormat format = new() { Mode = mode, MaxLineSize = limit, OversizeLineBehavior = OversizeLineBehavior.Discard };
                int expected = Verdict.Of(stream, format, isCompleted: false).Lines.Count;
                for (int cut = 0; cut <= stream.Length; cut++)
                {
                    foreach (Way way in new[] { Way.Foreach, Way.Visitor, Way.Runs })
                    {
                        ReadOnlySpan<byte> first = stream.AsSpan(..cut);
                        ReadOnlySpan<byte> second = stream.AsSpan(cut..);
                        Assert.Equal(expected, Count(Segments.Join(Place(head, head.Length - cut, first), Place(tail, 0, second)), format, way));
                        Assert.Equal(expected, Count(Segments.Join(Place(head, 0, first), Place(tail, tail.Length - second.Length, second)), format, way));
                    }
                }
            }
        }
    }

    private static ReadOnlySequence<byte> PlaceAt(GuardedMemory memory, int at, ReadOnlySpan<byte> bytes) => new(Place(memory, at, bytes));

    private static ReadOnlyMemory<byte> Place(GuardedMemory memory, int at, ReadOnlySpan<byte> bytes)
    {
        Memory<byte> place = memory.Memory.Slice(at, bytes.Length);
        bytes.CopyTo(place.Span);
        return place;
    }

    private static int Count(in ReadOnlySequence<byte> buffer, LineFormat format, Way way)
    {
        LineReader reader = new(format);
        reader.BeginRead(buffer, isCompleted: false);
        LineTaking.All(reader, way);
        int lines = reader.LinesTaken;
        reader.EndRead();
        return lines;
    }
}
