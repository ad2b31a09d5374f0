namespace LineServer.Transports.Epoll.Internal;

/// <summary>The owner of a descriptor on an event loop. Only the loop's thread calls it.</summary>
internal interface IEventSource
{
    /// <summary>The link in the loop's list of posted sources; only the list uses it.</summary>
    IEventSource? NextPosted { get; set; }

    /// <summary>Handles an edge: EPOLLIN and the like.</summary>
    /// <returns>Whether and when to call <see cref="OnReady"/>, which runs an awaiter.</returns>
    Readiness OnEvents(uint events);

    /// <summary>Runs the awaiter. Called once after each <see cref="OnEvents"/> that asked for it.</summary>
    void OnReady();

    /// <summary>Called after a post. The source finds out itself what to do.</summary>
    void OnPosted();

    /// <summary>The loop ends, and with it all of its sources.</summary>
    void OnLoopEnded(Exception reason);

    /// <summary>Another method threw: the source ends, the loop continues. Must not throw.</summary>
    void OnFailed(Exception exception);
}
