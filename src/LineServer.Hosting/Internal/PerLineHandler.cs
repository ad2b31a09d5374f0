using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>A <see cref="LineHandler"/> as a batch handler: the loop knows one shape only.</summary>
internal sealed class PerLineHandler(LineHandler handler) : LineBatchHandler
{
    public override bool NeverBlocks => handler.NeverBlocks;

    internal override void Attach(LineConnection connection)
    {
        base.Attach(connection);
        handler.Attach(connection);
    }

    public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken) =>
        handler.OnConnectedAsync(output, cancellationToken);

    public override ValueTask OnBatch(LineBatch batch)
    {
        ConnectionLoop loop = Connection.Loop;
        while (batch.TryRead(out Line line))
        {
            loop.IsHandlingLine = true;
            ValueTask task = handler.OnLineAsync(line.ToMemory(), loop.Replies, loop.Aborted);
            if (!task.IsCompletedSuccessfully)
            {
                return task;
            }

            task.GetAwaiter().GetResult();
            loop.FinishLine();
        }

        return default;
    }

    public override void OnClosing(CloseReason reason, LineOutput output) => handler.OnClosing(reason, output);

    public override ValueTask OnDisconnectedAsync(CloseReason reason) => handler.OnDisconnectedAsync(reason);
}
