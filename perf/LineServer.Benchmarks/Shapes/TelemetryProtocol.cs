using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Benchmarks.Shapes;

/// <summary>"telemetry": lines that are taken and not answered; here their bytes are summed up.</summary>
internal static class TelemetryProtocol
{
    public static LineDelegate Delegate()
    {
        long total = 0;
        return (in line, _) => total += line.Length;
    }

    internal sealed class Async : LineHandler
    {
        public long Total { get; private set; }

        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            Total += line.Length;
            return default;
        }
    }

    internal sealed class Batch : LineBatchHandler
    {
        public long Total { get; private set; }

        public override ValueTask OnBatch(LineBatch batch)
        {
            long total = 0;
            foreach (Line line in batch)
            {
                total += line.Length;
            }

            Total += total;
            return default;
        }
    }

    internal sealed class Visitor : LineBatchHandler
    {
        public long Total { get; private set; }

        public override ValueTask OnBatch(LineBatch batch)
        {
            var sum = default(Sum);
            batch.ReadLines(ref sum);
            Total += sum.Total;
            return default;
        }

        private struct Sum : ILineVisitor
        {
            public long Total;

            public bool OnLine(scoped Line line)
            {
                Total += line.Length;
                return true;
            }
        }
    }
}
