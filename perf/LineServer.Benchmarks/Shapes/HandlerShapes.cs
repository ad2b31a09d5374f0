using System.Buffers;
using System.Globalization;
using LineServer.Framing;
using LineServer.Hosting;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Benchmarks.Shapes;

/// <summary>Three small protocols, each in every shape of handler that was tried.</summary>
internal static class HandlerShapes
{
    public static readonly (string Protocol, (string Shape, ConnectionDelegate Serve)[] Shapes)[] Protocols =
    [
        ("echo",
        [
            ("delegate", Ours(lines => lines.UseLines(EchoProtocol.OnLine))),
            ("LineHandler", Ours(lines => lines.UseLines<EchoProtocol.Async>())),
            ("LineBatchHandler, foreach", Ours(lines => lines.UseLines<EchoProtocol.Batch>())),
            ("LineBatchHandler, visitor", Ours(lines => lines.UseLines<EchoProtocol.Visitor>())),
            ("LineBatchHandler, runs", Ours(lines => lines.UseLines<EchoProtocol.Runs>())),
            ("rejected: delegate of a sequence", connection => RejectedShapes.SequenceDelegateAsync(connection, EchoSequence)),
            ("rejected: pull", connection => RejectedShapes.PullAsync(connection, EchoPullAsync)),
            ("rejected: StreamReader", connection => RejectedShapes.TextAsync(connection, line => line)),
        ]),
        ("counter",
        [
            ("delegate", Ours(lines => lines.UseLines(CounterProtocol.Delegate()))),
            ("LineHandler", Ours(lines => lines.UseLines<CounterProtocol.Async>())),
            ("LineBatchHandler, foreach", Ours(lines => lines.UseLines<CounterProtocol.Batch>())),
            ("LineBatchHandler, visitor", Ours(lines => lines.UseLines<CounterProtocol.Visitor>())),
            ("rejected: delegate of a sequence", CountSequencesAsync),
            ("rejected: pull", connection => RejectedShapes.PullAsync(connection, CountPullAsync)),
            ("rejected: StreamReader", CountTextAsync),
        ]),
        ("telemetry",
        [
            ("delegate", Ours(lines => lines.UseLines(TelemetryProtocol.Delegate()))),
            ("LineHandler", Ours(lines => lines.UseLines<TelemetryProtocol.Async>())),
            ("LineBatchHandler, foreach", Ours(lines => lines.UseLines<TelemetryProtocol.Batch>())),
            ("LineBatchHandler, visitor", Ours(lines => lines.UseLines<TelemetryProtocol.Visitor>())),
            ("rejected: delegate of a sequence", SumSequencesAsync),
            ("rejected: pull", connection => RejectedShapes.PullAsync(connection, SumPullAsync)),
            ("rejected: StreamReader", SumTextAsync),
        ]),
    ];

    /// <summary>The endpoint of a builder that has no services.</summary>
    public static ConnectionDelegate Ours(Action<IConnectionBuilder> configure)
    {
        var builder = new ConnectionBuilder(new NoServices());
        configure(builder);
        return builder.Build();
    }

    public static void EchoSequence(in ReadOnlySequence<byte> line, IBufferWriter<byte> reply)
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

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
