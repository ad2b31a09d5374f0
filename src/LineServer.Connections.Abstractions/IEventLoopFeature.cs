namespace LineServer.Connections;

/// <summary>The connection lives on an event loop: one thread that serves many connections.</summary>
public interface IEventLoopFeature
{
    /// <summary>
    /// True if what awaits a read or a flush runs on the event loop, and not on the thread pool. Set it before the first read. Code
    /// that blocks there holds up every connection of the loop.
    /// </summary>
    bool RunsInline { get; set; }

    /// <summary>Whom the transport names when code blocks the event loop, by its <see cref="object.ToString"/>; null if nobody said.</summary>
    object? Handler { get; set; }

    /// <summary>Runs <paramref name="item"/> on the event loop, soon, and never within the caller.</summary>
    void Post(IThreadPoolWorkItem item);
}
