using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Benchmarks.Shapes;

/// <summary>"echo": a line is its own reply.</summary>
internal static class EchoProtocol
{
    public static void OnLine(in Line line, LineOutput reply) => reply.WriteLine(line);

    internal sealed class Async : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(line.Span);
            return default;
        }
    }

    internal sealed class Batch : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            foreach (Line line in batch)
            {
                batch.Output.WriteLine(line);
            }

            return default;
        }
    }

    internal sealed class Runs : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            while (true)
            {
                if (batch.TryReadRun(out ReadOnlySpan<byte> lines))
                {
                    batch.Output.Write(lines);
                }
                else if (batch.TryRead(out Line line))
                {
                    batch.Output.WriteLine(line);
                }
                else
                {
                    return default;
                }
            }
        }
    }

    internal sealed class Visitor : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            var echo = new Echo(batch.Output);
            batch.ReadLines(ref echo);
            return default;
        }

        private readonly struct Echo(LineOutput output) : ILineVisitor
        {
            public bool OnLine(scoped Line line)
            {
                output.WriteLine(line);
                return true;
            }
        }
    }
}
