using System.Buffers;
using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>Nothing is allocated for a line or a read on the steady path.</summary>
public class AllocationTests
{
    private static readonly byte[] Stream = Encoding.Latin1.GetBytes(
        string.Concat(Enumerable.Range(0, 500).Select(i => new string('x', i % 150) + (i % 3 == 0 ? "\r\n" : "\n"))) + "partial");

    private static readonly ReadOnlySequence<byte> OneSegment = new(Stream);

    private static readonly ReadOnlySequence<byte> ManySegments = Segments.Cut(
        Stream, 0, Stream.Length, [.. Enumerable.Range(1, Stream.Length / 100).Select(i => i * 100)], LineFormat.LineFeed);

    public static TheoryData<string, bool> WaysAndSegments => new()
    {
        { nameof(Way.Foreach), false }, { nameof(Way.Foreach), true },
        { nameof(Way.TryRead), false }, { nameof(Way.TryRead), true },
        { nameof(Way.Visitor), false }, { nameof(Way.Visitor), true },
        { nameof(Way.Runs), false }, { nameof(Way.Runs), true },
    };

    [Theory]
    [MemberData(nameof(WaysAndSegments))]
    public void Reading_lines_allocates_nothing(string way, bool inManySegments)
    {
        Way theWay = Enum.Parse<Way>(way);
        LineReader reader = new(new LineFormat { MaxLineSize = 1000 });
        long sum = 0;
        Assert.Equal(0, LeastAllocated(() => sum += ReadAll(reader, inManySegments ? ManySegments : OneSegment, theWay)));
        Assert.NotEqual(0, sum);
    }

    [Theory]
    [InlineData(FramingMode.OctetCounted, false)]
    [InlineData(FramingMode.OctetCounted, true)]
    [InlineData(FramingMode.Auto, false)]
    [InlineData(FramingMode.Auto, true)]
    public void Reading_counted_messages_allocates_nothing(FramingMode mode, bool inManySegments)
    {
        byte[] messages = Encoding.Latin1.GetBytes(string.Concat(Enumerable.Range(1, 500).Select(i => $"{i} {new string('x', i)}")) + "9 partial");
        ReadOnlySequence<byte> buffer = inManySegments
            ? Segments.Cut(messages, 0, messages.Length, [.. Enumerable.Range(1, messages.Length / 100).Select(i => i * 100)], LineFormat.LineFeed)
            : new(messages);
        LineReader reader = new(new LineFormat { Mode = mode, MaxLineSize = 1000 });
        long sum = 0;
        Assert.Equal(0, LeastAllocated(() => sum += ReadAll(reader, buffer, Way.TryRead)));
        Assert.NotEqual(0, sum);
    }

    [Fact]
    public void Writing_lines_allocates_nothing()
    {
        ArrayBufferWriter<byte> output = new(1 << 16);
        Assert.Equal(0, LeastAllocated(() =>
        {
            output.ResetWrittenCount();
            for (int i = 0; i < 500; i++)
            {
                output.WriteLine("a line"u8);
            }
        }));
    }

    private static long ReadAll(LineReader reader, in ReadOnlySequence<byte> buffer, Way way)
    {
        long sum = 0;
        reader.BeginRead(buffer, isCompleted: false);
        switch (way)
        {
            case Way.Foreach:
                foreach (Line line in reader)
                {
                    sum += Touch(line);
                }

                break;
            case Way.TryRead:
                while (reader.TryRead(out Line line))
                {
                    sum += Touch(line);
                }

                break;
            case Way.Runs:
                while (reader.TryReadRun(1000, out ReadOnlySpan<byte> run) || reader.TryRead(out Line _))
                {
                    sum += run.Length;
                }

                break;
            default:
                Toucher toucher = default;
                reader.ReadLines(ref toucher);
                sum = toucher.Sum;
                break;
        }

        // What is left, a partial line, is dropped: the next round begins with the same bytes.
        reader.TryReadBytes(reader.Unread.Length, out _);
        reader.EndRead();
        return sum;
    }

    /// <summary>Reads a line in every form; a crossing one is gathered.</summary>
    private static long Touch(Line line) =>
        line.Span.Length + line.RawSpan.Length + line.Sequence.Length + line.RawSequence.Length + line.ToMemory().Memory.Length;

    /// <summary>
    /// The least of a few rounds: the array pool may have been trimmed by a collection during one of them, but what is allocated for each
    /// line or each read shows in all.
    /// </summary>
    private static long LeastAllocated(Action action)
    {
        action();
        long least = long.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    private struct Toucher : ILineVisitor
    {
        public long Sum { get; private set; }

        public bool OnLine(scoped Line line)
        {
            Sum += Touch(line);
            return true;
        }
    }
}
