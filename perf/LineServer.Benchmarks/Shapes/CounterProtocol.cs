using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Benchmarks.Shapes;

/// <summary>"counter": state for a connection, and a reply that is made.</summary>
internal static class CounterProtocol
{
    /// <summary>A delegate has no state for a connection but what it closes over.</summary>
    public static LineDelegate Delegate()
    {
        var counters = new Counters();
        return (in line, reply) => Reply(counters, line, reply);
    }

    private static void Reply(Counters counters, ReadOnlySpan<byte> line, LineOutput reply)
    {
        Span<byte> text = stackalloc byte[16];
        reply.WriteLine(text[..counters.Count(line, text)]);
    }

    internal sealed class Async : LineHandler
    {
        private readonly Counters _counters = new();

        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            Reply(_counters, line.Span, reply);
            return default;
        }
    }

    internal sealed class Batch : LineBatchHandler
    {
        private readonly Counters _counters = new();

        public override ValueTask OnBatch(LineBatch batch)
        {
            foreach (Line line in batch)
            {
                Reply(_counters, line, batch.Output);
            }

            return default;
        }
    }

    internal sealed class Visitor : LineBatchHandler
    {
        private readonly Counters _counters = new();

        public override ValueTask OnBatch(LineBatch batch)
        {
            var count = new Count(_counters, batch.Output);
            batch.ReadLines(ref count);
            return default;
        }

        private readonly struct Count(Counters counters, LineOutput output) : ILineVisitor
        {
            public bool OnLine(scoped Line line)
            {
                Reply(counters, line, output);
                return true;
            }
        }
    }
}
