namespace LineServer.Connections;

/// <summary>What serves the connections of an event loop, and is told when its code blocks the loop.</summary>
public interface IEventLoopHandler
{
    /// <summary>True while its code runs on event loops, false once it runs on the thread pool. Thread-safe.</summary>
    bool RunsOnLoop { get; }

    /// <summary>
    /// True if its code may block. The transport then runs it in a way that lets another thread take over the loop, which
    /// costs some nanoseconds per call. Thread-safe.
    /// </summary>
    bool MayBlock { get; }

    /// <summary>
    /// Its code has blocked an event loop for longer than the threshold. Called on a thread of the transport, before the
    /// transport logs it and another thread takes over the loop.
    /// </summary>
    /// <returns>True if its code ran on event loops until now and no longer does.</returns>
    bool OnBlocked();
}
