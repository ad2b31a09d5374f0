namespace LineServer.Hosting;

/// <summary>
/// What <see cref="LineHandler"/> and <see cref="LineBatchHandler"/> have in common. Each connection has an instance of its own, so what
/// belongs to the connection stands in fields; constructor parameters are injected from the application's services. Nothing of a connection
/// is called twice at once.
/// </summary>
public abstract class LineHandlerBase
{
    // Of the two shapes only: the loop knows no other.
    private protected LineHandlerBase()
    {
    }

    /// <summary>The connection; set before anything is called, not yet in the constructor.</summary>
    public LineConnection Connection { get; private set; } = null!;

    /// <summary>
    /// True if nothing that the handler does blocks its thread: no waiting for a lock that others hold long, for a file, for another task. It may
    /// await. Its lines are then handled on the event loop of a transport that has one (the epoll transport), which saves a hop to the thread pool for each
    /// read; a handler that blocks there after all holds up every connection of the loop, and the transport complains of it. False unless
    /// overridden; <see cref="LineDelegate"/> must not block anyway.
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

    /// <summary>The connection has ended. The last call; it follows every <see cref="OnConnectedAsync"/> that was begun, and no other: a connection that
    /// was one too many only sees <see cref="OnClosing"/>.</summary>
    public virtual ValueTask OnDisconnectedAsync(CloseReason reason) => default;

    internal virtual void Attach(LineConnection connection) => Connection = connection;
}
