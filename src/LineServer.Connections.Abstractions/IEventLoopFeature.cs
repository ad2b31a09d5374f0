namespace LineServer.Connections;

/// <summary>The connection lives on an event loop: one thread that serves many connections.</summary>
public interface IEventLoopFeature
{
    /// <summary>
    /// True if the awaiter of a read or a flush runs on the event loop, and not on the thread pool. Set it before the first
    /// read. Code that blocks there holds up every connection of the loop.
    /// </summary>
    bool RunsInline { get; set; }

    /// <summary>
    /// The transport names it, by its <see cref="object.ToString"/>, when code blocks the event loop; null if nobody has
    /// set it.
    /// </summary>
    object? Handler { get; set; }

    /// <summary>
    /// Runs <paramref name="item"/> on the event loop, soon, and never within the caller. From any thread, any number of
    /// times; what one thread posts runs in its order. When the loop has ended, the thread pool runs it. An item that
    /// throws ends the connection.
    /// </summary>
    void Post(IThreadPoolWorkItem item);
}
