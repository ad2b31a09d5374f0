namespace LineServer.Connections;

/// <summary>The connection lives on an event loop: one thread that serves many connections.</summary>
public interface IEventLoopFeature
{
    /// <summary>
    /// True if the continuation of a read or a flush runs on the event loop, false if it runs on the thread
    /// pool. Set it before the first read. Code that blocks on the event loop blocks all of the loop's
    /// connections.
    /// </summary>
    bool RunsInline { get; set; }

    /// <summary>
    /// What serves the connection. When its code blocks the event loop, the transport logs its
    /// <see cref="object.ToString"/>. Null if nobody has set it.
    /// </summary>
    object? Handler { get; set; }

    /// <summary>
    /// Queues <paramref name="item"/> to run on the event loop; it never runs within the caller. Any thread
    /// may call this, any number of times. Items posted by one thread run in order. After the loop has ended,
    /// items run on the thread pool. An item that throws ends the connection.
    /// </summary>
    void Post(IThreadPoolWorkItem item);

    /// <summary>
    /// True on the event loop's thread, unless code of a handler that may block runs: <see cref="HandlerContext"/>.
    /// </summary>
    bool IsCurrent { get; }

    /// <summary>
    /// On the event loop: queues <paramref name="item"/> to run at the end of the loop's current iteration, when nothing
    /// else is left to run, or code that keeps posting code has run for some milliseconds. Elsewhere like
    /// <see cref="Post"/>.
    /// </summary>
    void PostAtEnd(IThreadPoolWorkItem item);

    /// <summary>Creates the context of the connection's handler. Each call creates one.</summary>
    /// <param name="handler">Where its code runs, now and later.</param>
    /// <param name="afterCallback">
    /// Runs after each callback that was posted to the context, without the context.
    /// </param>
    HandlerContext CreateContext(IEventLoopHandler handler, IThreadPoolWorkItem afterCallback);
}
