namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Where a <see cref="PipeWait"/> completes: on its owner's event loop or on the thread pool.
/// </summary>
internal interface IWaitScheduler
{
    /// <summary>True if it completes on the event loop.</summary>
    bool RunsInline { get; }

    /// <summary>
    /// Makes the loop call the owner soon, but never within this call. Thread-safe; does not allocate.
    /// </summary>
    void Post();
}
