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
}
