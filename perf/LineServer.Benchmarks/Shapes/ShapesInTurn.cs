using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Benchmarks.Shapes;

/// <summary>
/// Three small protocols, each in every shape of handler that was tried: nanoseconds and bytes a line, the whole connection loop included.
/// A read brings 64 KiB of lines of 32 bytes; in turn, so that a busy machine treats them alike.
/// </summary>
internal static class ShapesInTurn
{
    private const int Reads = 64;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Measuring = TimeSpan.FromSeconds(6);

    public static void Run()
    {
        Console.WriteLine("| protocol | shape | ns/line, best | ns/line, median | bytes/line |");
        Console.WriteLine("| --- | --- | ---: | ---: | ---: |");
        LineBlock block = LineBlock.Of("32");
        foreach ((string protocol, (string Shape, ConnectionDelegate Serve)[] shapes) in Protocols())
        {
            _ = Rounds(shapes, block, WarmUp);
            List<double[]> rounds = Rounds(shapes, block, Measuring);
            for (int i = 0; i < shapes.Length; i++)
            {
                double lines = (double)Reads * block.Lines;
                double[] times = [.. rounds.Select(round => round[i] / lines).Order()];
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {protocol} | {shapes[i].Shape} | {times[0]:0.0} | {times[times.Length / 2]:0.0} | {Allocated(shapes[i].Serve, block) / lines:0.00} |"));
            }
        }
    }

    private static IEnumerable<(string Protocol, (string Shape, ConnectionDelegate Serve)[] Shapes)> Protocols()
    {
        yield return ("echo",
        [
            ("delegate", Ours(lines => lines.UseLines(EchoProtocol.OnLine))),
            ("LineHandler", Ours(lines => lines.UseLines<EchoProtocol.Async>())),
            ("LineBatchHandler, foreach", Ours(lines => lines.UseLines<EchoProtocol.Batch>())),
            ("LineBatchHandler, visitor", Ours(lines => lines.UseLines<EchoProtocol.Visitor>())),
            ("LineBatchHandler, runs", Ours(lines => lines.UseLines<EchoProtocol.Runs>())),
            ("rejected: delegate of a sequence", connection => RejectedShapes.SequenceDelegateAsync(connection, EchoSequence)),
            ("rejected: pull", connection => RejectedShapes.PullAsync(connection, EchoPullAsync)),
            ("rejected: StreamReader", connection => RejectedShapes.TextAsync(connection, line => line)),
        ]);
        yield return ("counter",
        [
            ("delegate", Ours(lines => lines.UseLines(CounterProtocol.Delegate()))),
            ("LineHandler", Ours(lines => lines.UseLines<CounterProtocol.Async>())),
            ("LineBatchHandler, foreach", Ours(lines => lines.UseLines<CounterProtocol.Batch>())),
            ("LineBatchHandler, visitor", Ours(lines => lines.UseLines<CounterProtocol.Visitor>())),
            ("rejected: delegate of a sequence", CountSequencesAsync),
            ("rejected: pull", connection => RejectedShapes.PullAsync(connection, CountPullAsync)),
            ("rejected: StreamReader", CountTextAsync),
        ]);
        yield return ("telemetry",
        [
            ("delegate", Ours(lines => lines.UseLines(TelemetryProtocol.Delegate()))),
            ("LineHandler", Ours(lines => lines.UseLines<TelemetryProtocol.Async>())),
            ("LineBatchHandler, foreach", Ours(lines => lines.UseLines<TelemetryProtocol.Batch>())),
            ("LineBatchHandler, visitor", Ours(lines => lines.UseLines<TelemetryProtocol.Visitor>())),
            ("rejected: delegate of a sequence", SumSequencesAsync),
            ("rejected: pull", connection => RejectedShapes.PullAsync(connection, SumPullAsync)),
            ("rejected: StreamReader", SumTextAsync),
        ]);
    }

    private static ConnectionDelegate Ours(Action<IConnectionBuilder> configure)
    {
        var builder = new ConnectionBuilder(new NoServices());
        configure(builder);
        return builder.Build();
    }

    private static void EchoSequence(in ReadOnlySequence<byte> line, IBufferWriter<byte> reply)
    {
        foreach (ReadOnlyMemory<byte> piece in line)
        {
            reply.Write(piece.Span);
        }

        reply.Write("\n"u8);
    }

    private static async Task EchoPullAsync(RejectedShapes.PullLines lines)
    {
        while (await lines.ReadAsync() is { } line)
        {
            EchoSequence(in line, lines.Output);
        }
    }

    private static Task CountSequencesAsync(ConnectionContext connection)
    {
        var counters = new Counters();
        return RejectedShapes.SequenceDelegateAsync(connection, (in line, reply) => ReplyCount(counters, in line, reply));
    }

    private static async Task CountPullAsync(RejectedShapes.PullLines lines)
    {
        var counters = new Counters();
        while (await lines.ReadAsync() is { } line)
        {
            ReplyCount(counters, in line, lines.Output);
        }
    }

    private static void ReplyCount(Counters counters, in ReadOnlySequence<byte> line, IBufferWriter<byte> reply)
    {
        Span<byte> text = stackalloc byte[16];
        ReadOnlySpan<byte> name = line.IsSingleSegment ? line.FirstSpan : line.ToArray();
        reply.WriteLine(text[..counters.Count(name, text)]);
    }

    private static Task CountTextAsync(ConnectionContext connection)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        return RejectedShapes.TextAsync(connection, line =>
        {
            int count = counts[line] = counts.GetValueOrDefault(line) + 1;
            return count.ToString(CultureInfo.InvariantCulture);
        });
    }

    private static Task SumSequencesAsync(ConnectionContext connection)
    {
        long total = 0;
        return RejectedShapes.SequenceDelegateAsync(connection, (in line, _) => total += line.Length);
    }

    private static async Task SumPullAsync(RejectedShapes.PullLines lines)
    {
        long total = 0;
        while (await lines.ReadAsync() is { } line)
        {
            total += line.Length;
        }
    }

    private static Task SumTextAsync(ConnectionContext connection)
    {
        long total = 0;
        return RejectedShapes.TextAsync(connection, line =>
        {
            total += line.Length;
            return null;
        });
    }

    private static List<double[]> Rounds((string Shape, ConnectionDelegate Serve)[] shapes, LineBlock block, TimeSpan time)
    {
        List<double[]> rounds = [];
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            rounds.Add([.. shapes.Select(shape => Serve(shape.Serve, block))]);
        }

        return rounds;
    }

    /// <returns>Nanoseconds.</returns>
    private static double Serve(ConnectionDelegate serve, LineBlock block)
    {
        var connection = new MemoryConnection(new BlockReader(block.Bytes, Reads), new CountingWriter());
        long before = Stopwatch.GetTimestamp();
        Task served = serve(connection);
        double elapsed = Stopwatch.GetElapsedTime(before).TotalNanoseconds;
        return served.IsCompletedSuccessfully ? elapsed : throw new InvalidOperationException("The connection waited, or failed.", served.Exception);
    }

    private static double Allocated(ConnectionDelegate serve, LineBlock block)
    {
        var connection = new MemoryConnection(new BlockReader(block.Bytes, Reads), new CountingWriter());
        long before = GC.GetAllocatedBytesForCurrentThread();
        _ = serve(connection);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
