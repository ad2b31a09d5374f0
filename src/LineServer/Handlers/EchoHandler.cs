using System.Text;
using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Handlers;

/// <summary>Sends each line back unchanged, its terminator included; a counted message as a line.</summary>
internal sealed class EchoHandler(string prefix) : LineBatchHandler
{
    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(prefix);

    public override bool NeverBlocks => true;

    public override ValueTask OnBatch(LineBatch batch)
    {
        while (true)
        {
            if (_prefix.Length == 0 && batch.TryReadRun(out ReadOnlySpan<byte> lines))
            {
                batch.Output.Write(lines);
            }
            else if (batch.TryRead(out Line line))
            {
                Echo(line, batch.Output);
            }
            else
            {
                return default;
            }
        }
    }

    private void Echo(in Line line, LineOutput output)
    {
        output.Write(_prefix);
        if (line.IsSingleSegment)
        {
            output.Write(line.RawSpan);
        }
        else
        {
            output.Write(line.RawSequence);
        }

        if (line.IsTruncated || (line.IsCounted && !line.HasTerminator))
        {
            // Its terminator has not arrived or was skipped, or it never has one. Without one, the next reply
            // would join this line.
            output.Write([output.Delimiter]);
        }
    }
}
