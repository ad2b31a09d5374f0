using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Adapts a <see cref="LineDelegate"/> to a batch handler. It has no state, so all connections of an endpoint
/// share one.
/// </summary>
internal sealed class DelegateHandler(LineDelegate onLine) : LineBatchHandler
{
    public override bool NeverBlocks => true;

    public override ValueTask OnBatch(LineBatch batch)
    {
        LineOutput reply = batch.Output;
        foreach (Line line in batch)
        {
            onLine(in line, reply);
        }

        return default;
    }

    internal override void Attach(LineConnection connection)
    {
        // All connections share this handler.
    }
}
