using System.Buffers;
using BenchmarkDotNet.Attributes;
using LineServer.Framing;

namespace LineServer.Benchmarks;

/// <summary>Finding the lines of a block in one piece, and touching each as a span (or what the way gives). docs/framing-benchmarks.md.</summary>
[Config(typeof(LineConfig))]
[MemoryDiagnoser(displayGenColumns: false)]
public class FramingBenchmarks
{
    private readonly LineReader _reader = new(LineFormat.Default);
    private ReadOnlyMemory<byte> _bytes;
    private ReadOnlySequence<byte> _buffer;

    // The blanks put them into order.
    public static IEnumerable<string> LineSizes { get; } = ["  16", "  32", "  64", " 256", "1024", "8-128"];

    [ParamsSource(nameof(LineSizes))]
    public string LineSize { get; set; } = string.Empty;

    [GlobalSetup]
    public void MakeBlock()
    {
        _bytes = LineBlock.Of(LineSize).Bytes;
        _buffer = new ReadOnlySequence<byte>(_bytes);
    }

    [Benchmark(Baseline = true, Description = "one IndexOf a line")]
    public long IndexOf()
    {
        long sum = 0;
        ReadOnlySpan<byte> rest = _bytes.Span;
        for (int end; (end = rest.IndexOf(LineFormat.LineFeed)) >= 0; rest = rest[(end + 1)..])
        {
            sum += rest[..end].Length;
        }

        return sum;
    }

    [Benchmark(Description = "SequenceReader.TryReadTo")]
    public long SequenceReader()
    {
        long sum = 0;
        SequenceReader<byte> reader = new(_buffer);
        while (reader.TryReadTo(out ReadOnlySequence<byte> line, LineFormat.LineFeed))
        {
            sum += line.Length;
        }

        return sum;
    }

    [Benchmark(Description = "PositionOf + Slice")]
    public long PositionOf()
    {
        long sum = 0;
        ReadOnlySequence<byte> rest = _buffer;
        while (rest.PositionOf(LineFormat.LineFeed) is { } end)
        {
            sum += rest.Slice(0, end).Length;
            rest = rest.Slice(rest.GetPosition(1, end));
        }

        return sum;
    }

    [Benchmark(Description = "LineReader, foreach")]
    public long Foreach()
    {
        long sum = 0;
        _reader.BeginRead(_buffer, isCompleted: false);
        foreach (Line line in _reader)
        {
            sum += line.Span.Length;
        }

        _reader.EndRead();
        return sum;
    }

    [Benchmark(Description = "LineReader, visitor")]
    public long Visitor()
    {
        Adder adder = default;
        _reader.BeginRead(_buffer, isCompleted: false);
        _reader.ReadLines(ref adder);
        _reader.EndRead();
        return adder.Sum;
    }

    [Benchmark(Description = "LineReader, TryRead")]
    public long TryRead()
    {
        long sum = 0;
        _reader.BeginRead(_buffer, isCompleted: false);
        while (_reader.TryRead(out Line line))
        {
            sum += line.Span.Length;
        }

        _reader.EndRead();
        return sum;
    }

    private struct Adder : ILineVisitor
    {
        public int Sum;

        public bool OnLine(scoped Line line)
        {
            Sum += line.Span.Length;
            return true;
        }
    }
}
