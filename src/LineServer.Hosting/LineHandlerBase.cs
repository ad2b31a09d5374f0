namespace LineServer.Hosting;

/// <summary>
/// What <see cref="LineHandler"/> and <see cref="LineBatchHandler"/> have in common. Each connection has an instance of its own, so its
/// state stands in fields. No two calls for a connection overlap.
/// </summary>
/// <remarks>
/// The life of a handler:
/// <list type="number">
/// <item>It is made. Constructor parameters come from a service scope of the connection.</item>
/// <item><see cref="OnConnectedAsync"/>.</item>
/// <item>Lines: <see cref="LineHandler.OnLineAsync"/> or <see cref="LineBatchHandler.OnBatch"/>, one call after another.</item>
/// <item><see cref="OnClosing"/>, unless nothing can be sent any more.</item>
/// <item><see cref="OnDisconnectedAsync"/>, after every other call has ended.</item>
/// <item>It is disposed, if it is <see cref="IAsyncDisposable"/> or else <see cref="IDisposable"/>; then its scope is.</item>
/// </list>
/// A connection that is one too many gets a handler only where the type overrides <see cref="OnClosing"/>, and then only that call.
/// </remarks>
public abstract class LineHandlerBase
{
    // Of the two shapes only: the loop knows no other.
    private protected LineHandlerBase()
    {
    }

    /// <summary>The connection; set before anything is called, not yet in the constructor.</summary>
    public LineConnection Connection { get; private set; } = null!;

    /// <summary>
    /// True if nothing that the handler does blocks its thread: it waits for no lock that others hold long, for no file, for no other task
    /// without awaiting it. Then the event loop of a transport that has one (the epoll transport) runs the handler, which saves a hop to
    /// the thread pool for each read. A handler that blocks all the same holds up every connection of the loop, and the transport logs
    /// that. False unless overridden; a <see cref="LineDelegate"/> must not block anyway.
    /// </summary>
    public virtual bool NeverBlocks => false;

    /// <summary>The connection was accepted; no line is given before this has ended. A greeting is staged in <paramref name="output"/>.</summary>
    /// <param name="output">Valid until the task ends; flushed then, and while it waits.</param>
    /// <param name="cancellationToken"><see cref="LineConnection.Aborted"/>.</param>
    public virtual ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken) => default;

    /// <summary>
    /// The connection is about to be closed in order; a protocol's last line is staged in <paramref name="output"/>. Not called where
    /// nothing can be sent any more.
    /// </summary>
    public virtual void OnClosing(CloseReason reason, LineOutput output)
    {
    }

    /// <summary>
    /// The connection has ended. It follows every <see cref="OnConnectedAsync"/> that was begun; no call of the handler is running.
    /// </summary>
    public virtual ValueTask OnDisconnectedAsync(CloseReason reason) => default;

    /// <summary>The handler that the application made.</summary>
    internal virtual LineHandlerBase Made => this;

    internal virtual void Attach(LineConnection connection) => Connection = connection;
}
