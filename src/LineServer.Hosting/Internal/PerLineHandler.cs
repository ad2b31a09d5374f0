using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Adapts a <see cref="LineHandler"/> to a batch handler, the only kind that the loop calls.
/// </summary>
internal sealed class PerLineHandler(LineHandler handler) : LineBatchHandler
{
    public override bool NeverBlocks => handler.NeverBlocks;

    internal override LineHandlerBase Made => handler;

    public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken) =>
        handler.OnConnectedAsync(output, cancellationToken);

    public override ValueTask OnBatch(LineBatch batch)
    {
        ConnectionLoop loop = batch.Loop;
        ReplyBuffer replies = loop.Replies;
        CancellationToken aborted = loop.Connection.Aborted;
        while (batch.TryRead(out Line line))
        {
            loop.BeginLine();
            ValueTask task = handler.OnLineAsync(line.ToMemory(), replies, aborted);
            if (!task.IsCompletedSuccessfully)
            {
                return task;
            }

            task.GetAwaiter().GetResult();
            loop.EndLine();
        }

        return default;
    }

    public override void OnWake(LineOutput output) => handler.OnWake(output);

    public override ValueTask OnLinesEndedAsync(CloseReason reason, CancellationToken cancellationToken) =>
        handler.OnLinesEndedAsync(reason, cancellationToken);

    public override void OnClosing(CloseReason reason, LineOutput output) => handler.OnClosing(reason, output);

    public override ValueTask OnDisconnectedAsync(CloseReason reason) => handler.OnDisconnectedAsync(reason);

    internal override void Attach(LineConnection connection) => handler.Attach(connection);
}
