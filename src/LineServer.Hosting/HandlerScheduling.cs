namespace LineServer.Hosting;

/// <summary>
/// Where handlers run on a transport with event loops, such as our epoll transport. Elsewhere they run where the transport
/// completes its reads.
/// </summary>
public enum HandlerScheduling
{
    /// <summary>
    /// On the event loop of their connection, before and after each await, until one of them blocks it for longer than the
    /// transport's threshold. Then another thread runs the loop, the transport logs a warning, and the endpoint's handlers
    /// run on the thread pool from then on. A handler with <see cref="LineHandlerBase.NeverBlocks"/> stays on its loop.
    /// </summary>
    Auto,

    /// <summary>On the event loop of their connection. A handler that blocks stalls the loop's connections.</summary>
    EventLoop,

    /// <summary>On the thread pool: for handlers that block, or that compute for milliseconds.</summary>
    ThreadPool,
}
