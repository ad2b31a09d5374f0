namespace LineServer.Transports.Epoll.Internal;

/// <summary>Where a <see cref="PipeWait"/> ends: on the event loop of its owner, or on the thread pool.</summary>
internal interface IWaitScheduler
{
    /// <summary>True for the event loop.</summary>
    bool RunsInline { get; }

    /// <summary>Has the loop look at the owner soon, and never within the caller. From any thread; allocates nothing.</summary>
    void Post();
}
