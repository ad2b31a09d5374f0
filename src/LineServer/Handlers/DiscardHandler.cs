using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Handlers;

/// <summary>Takes lines and drops them; the server counts them.</summary>
internal sealed class DiscardHandler : LineBatchHandler
{
    public override bool NeverBlocks => true;

    public override ValueTask OnBatch(LineBatch batch)
    {
        while (batch.TryReadRun(out _) || batch.TryRead(out Line _))
        {
        }

        return default;
    }
}
