namespace LineServer.Hosting;

/// <summary>
/// The base of <see cref="LineHandler"/> and <see cref="LineBatchHandler"/>. Each connection has its own
/// instance, so keep the connection's state in fields. No two calls for a connection overlap, except of
/// <see cref="LineHandler.OnLineAsync"/> with <see cref="LineOptions.MaxConcurrentLines"/>.
/// </summary>
/// <remarks>
/// The life of a handler:
/// <list type="number">
/// <item>It is created. Constructor parameters come from the connection's service scope.</item>
/// <item><see cref="OnConnectedAsync"/>.</item>
/// <item>
/// Lines: <see cref="LineHandler.OnLineAsync"/> or <see cref="LineBatchHandler.OnBatch"/>, one call after
/// another.
/// </item>
/// <item><see cref="OnClosing"/>, unless nothing can be sent anymore.</item>
/// <item><see cref="OnDisconnectedAsync"/>, after every other call has ended.</item>
/// <item>
/// It is disposed, if it is <see cref="IAsyncDisposable"/> or else <see cref="IDisposable"/>; then its scope
/// is.
/// </item>
/// </list>
/// A refused connection gets a handler only if the type overrides <see cref="OnClosing"/>, and then only that
/// call.
/// </remarks>
public abstract class LineHandlerBase
{
    // Only LineHandler and LineBatchHandler derive from it directly: the loop supports no other kind.
    private protected LineHandlerBase()
    {
    }

    /// <summary>The connection. Set after the constructor and before any other call.</summary>
    public LineConnection Connection { get; private set; } = null!;

    /// <summary>
    /// True if the handler never blocks its thread: no contended lock, no file access, no synchronous wait
    /// for a task. Under <see cref="HandlerScheduling.Auto"/> it then stays on its event loop for good, and its
    /// calls need no provision for a take-over of the loop. A handler that blocks nevertheless stalls every
    /// connection of that loop, and the transport logs it. Defaults to false. A <see cref="LineDelegate"/> must
    /// never block.
    /// </summary>
    public virtual bool NeverBlocks => false;

    /// <summary>
    /// Called after the connection was accepted, and before the first line. May stage a greeting in
    /// <paramref name="output"/>.
    /// </summary>
    /// <param name="output">Valid until the task ends. Flushed then, and while the task is pending.</param>
    /// <param name="cancellationToken"><see cref="LineConnection.Aborted"/>.</param>
    public virtual ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken) => default;

    /// <summary>
    /// Called before an orderly close. May stage a protocol's last line in <paramref name="output"/>. Not
    /// called if nothing can be sent anymore.
    /// </summary>
    public virtual void OnClosing(CloseReason reason, LineOutput output)
    {
    }

    /// <summary>
    /// Called after the connection has ended, if the handler was attached to it. No other call of the handler
    /// is running.
    /// </summary>
    public virtual ValueTask OnDisconnectedAsync(CloseReason reason) => default;

    /// <summary>The handler that the application created.</summary>
    internal virtual LineHandlerBase Made => this;

    internal virtual void Attach(LineConnection connection) => Connection = connection;
}
