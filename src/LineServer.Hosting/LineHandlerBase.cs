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
/// another. Between them, and while the task of one is pending: <see cref="OnWake"/>.
/// </item>
/// <item><see cref="OnLinesEndedAsync"/>, unless nothing can be sent anymore. <see cref="OnWake"/> meanwhile.</item>
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
    /// Called on the connection's loop after <see cref="LineConnection.Wake"/>, once for all calls since the last time. May
    /// stage lines in <paramref name="output"/>, such as an acknowledgement of everything committed so far. It must not
    /// block or wait.
    /// </summary>
    /// <remarks>
    /// <para>
    /// It is called between replies: while the connection waits for its client or for a task of the handler, or before
    /// it does. It is called neither before <see cref="OnConnectedAsync"/> has ended, nor after <see cref="OnClosing"/>
    /// was called, nor while staged bytes wait for the client to read. So a client that does not read makes nothing grow.
    /// </para>
    /// <para>
    /// With a <see cref="LineHandler"/>, its output goes before or after the replies to a line. If a pending line has
    /// sent a part of its reply, the call waits for the end of that line. With
    /// <see cref="LineOptions.MaxConcurrentLines"/>, this is the first of the pending lines. With a
    /// <see cref="LineBatchHandler"/>, its output follows what <see cref="LineBatchHandler.OnBatch"/> has staged.
    /// </para>
    /// <para>
    /// No call of the handler is on a stack at that time, but a task that it has returned may be pending. What runs after
    /// an <see langword="await"/> takes turns with it on an event loop, and may run beside it on the thread pool, so guard
    /// what they share.
    /// </para>
    /// <para>
    /// A wake-up counts as activity for <see cref="LineLimits.IdleTimeout"/>. An exception closes the connection with
    /// <see cref="CloseReason.HandlerError"/>; lines that have begun are still answered.
    /// </para>
    /// </remarks>
    /// <param name="output">Valid until the call returns. Flushed then.</param>
    public virtual void OnWake(LineOutput output)
    {
    }

    /// <summary>
    /// Called once before an orderly close, when no further line will come and the handling of every line has ended: the
    /// client has half-closed, the server drains, or the connection closes for another reason. The connection waits for the
    /// task, such as for the commit of its last lines. <see cref="OnClosing"/> follows.
    /// </summary>
    /// <remarks>
    /// <para>
    /// Meanwhile <see cref="OnWake"/> is called, pushed lines are sent, and nothing is read. If the connection is lost, if
    /// <see cref="LineLimits.DrainTimeout"/> ends a drain, or if the task takes longer than
    /// <see cref="LineLimits.HandlerTimeout"/>, the token is cancelled and the connection ends without waiting further.
    /// <see cref="OnDisconnectedAsync"/> still comes after the task. As nothing is read, the loss of a client may be noticed
    /// only when something is sent.
    /// </para>
    /// <para>
    /// Not called if nothing can be sent anymore, or if <see cref="OnConnectedAsync"/> has failed. An exception is
    /// logged, and does not change why or how the connection closes.
    /// </para>
    /// </remarks>
    /// <param name="reason">Why the connection closes.</param>
    /// <param name="cancellationToken"><see cref="LineConnection.Aborted"/>.</param>
    public virtual ValueTask OnLinesEndedAsync(CloseReason reason, CancellationToken cancellationToken) => default;

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
