using System.Text;
using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Handlers;

/// <summary>Sends each line back as it came, its terminator included.</summary>
internal sealed class EchoHandler(string prefix) : LineBatchHandler
{
    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(prefix);

    public override bool NeverBlocks => true;

    public override ValueTask OnBatch(LineBatch batch)
    {
        var echo = new Echo(batch.Output, _prefix);
        batch.ReadLines(ref echo);
        return default;
    }

    private readonly struct Echo(LineOutput output, byte[] prefix) : ILineVisitor
    {
        public bool OnLine(scoped Line line)
        {
            if (prefix.Length > 0)
            {
                output.Write(prefix);
            }

            if (line.IsSingleSegment)
            {
                output.Write(line.RawSpan);
            }
            else
            {
                output.Write(line.RawSequence);
            }

            if (line.IsTruncated)
            {
                // Its terminator is still to come, or was skipped; without one the next reply would run on from this.
                output.Write([output.Delimiter]);
            }

            return true;
        }
    }
}
