using System.Buffers;
using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>
/// However slowly a line arrives, its bytes are searched once. Shown without a clock: pages that were searched are closed, so a second
/// look at them ends the process.
/// </summary>
public class LinearTimeTests
{
    private const int Pages = 16;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(97, 1)]
    [InlineData(5000, 1)]
    [InlineData(1, Pages)]
    [InlineData(97, Pages)]
    [InlineData(5000, 4)]
    public void Bytes_of_a_slow_line_are_not_read_again(int step, int segments)
    {
        using GuardedMemory memory = new(Pages);
        (Way, FramingMode)[] all = [(Way.Foreach, FramingMode.Lines), (Way.TryRead, FramingMode.Lines), (Way.Visitor, FramingMode.Lines), (Way.Runs, FramingMode.Lines), (Way.TryRead, FramingMode.Auto)];
        foreach ((Way way, FramingMode mode) in all)
        {
            foreach (int limit in new[] { memory.Length - 1, memory.Length - 100 })
            {
                memory.OpenAll();
                memory.GetSpan().Fill((byte)'a');
                memory.GetSpan()[^1] = (byte)'\n';
                LineFormat format = new() { Mode = mode, MaxLineSize = limit, OversizeLineBehavior = OversizeLineBehavior.Discard };
                LineReader reader = new(format);
                long length = Deliver(memory, reader, step, segments, way);
                Assert.Equal(limit == memory.Length - 1 ? limit : 0, length);
                Assert.Equal(limit == memory.Length - 1 ? 0 : 1, reader.OversizeLines);
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(97, 1)]
    [InlineData(5000, 1)]
    [InlineData(97, Pages)]
    [InlineData(5000, 4)]
    public void Bytes_of_a_slow_message_are_not_read_at_all(int step, int segments)
    {
        using GuardedMemory memory = new(Pages);
        string count = $"{memory.Length - 6} ";
        foreach (FramingMode mode in new[] { FramingMode.OctetCounted, FramingMode.Auto })
        {
            foreach (int limit in new[] { memory.Length, memory.Length / 2 })
            {
                memory.OpenAll();
                memory.GetSpan().Fill((byte)'a');
                Encoding.ASCII.GetBytes(count, memory.GetSpan());
                LineFormat format = new() { Mode = mode, MaxLineSize = limit, OversizeLineBehavior = OversizeLineBehavior.Truncate };
                LineReader reader = new(format);
                long length = Deliver(memory, reader, step, segments, Way.TryRead);
                Assert.Equal(Math.Min(limit, memory.Length - count.Length), length);
                Assert.Equal(limit == memory.Length ? 0 : 1, reader.OversizeLines);
            }
        }
    }

    /// <summary>The line's lengths, added up. It is not touched here.</summary>
    private static long Deliver(GuardedMemory memory, LineReader reader, int step, int segments, Way way)
    {
        long length = 0;
        int consumed = 0;
        // The first page stays open: the first bytes of a line found to be too long are copied for the log.
        int closedTo = 1;
        for (int read = step; consumed < memory.Length; read = Math.Min(read + step, memory.Length))
        {
            ReadOnlySequence<byte> buffer = Cut(memory, consumed, read, memory.Length / segments);
            reader.BeginRead(buffer, isCompleted: false);
            length += LineTaking.All(reader, way);
            Assert.True(reader.IsExhausted);
            consumed += (int)buffer.Slice(0, reader.EndRead()).Length;

            // The newest byte stays open: it may be the CR before the LF.
            int searchedTo = (read - 1) / GuardedMemory.PageSize;
            if (searchedTo > closedTo)
            {
                memory.Close(closedTo, searchedTo - closedTo);
                closedTo = searchedTo;
            }
        }

        return length;
    }

    private static ReadOnlySequence<byte> Cut(GuardedMemory memory, int from, int to, int segmentSize)
    {
        List<ReadOnlyMemory<byte>> segments = [];
        while (from < to)
        {
            int end = Math.Min(to, (from / segmentSize * segmentSize) + segmentSize);
            segments.Add(memory.Memory[from..end]);
            from = end;
        }

        return Segments.Join(segments);
    }
}
