using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Handlers;

/// <summary>Takes lines; that they are counted is the server's doing.</summary>
internal sealed class DiscardHandler : LineBatchHandler
{
    public override bool NeverBlocks => true;

    public override ValueTask OnBatch(LineBatch batch)
    {
        var discard = default(Discard);
        batch.ReadLines(ref discard);
        return default;
    }

    private readonly struct Discard : ILineVisitor
    {
        public bool OnLine(scoped Line line) => true;
    }
}
