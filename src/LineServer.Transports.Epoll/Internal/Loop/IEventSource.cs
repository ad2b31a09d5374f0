namespace LineServer.Transports.Epoll.Internal;

/// <summary>A descriptor's owner on an event loop. The loop's thread alone calls it.</summary>
internal interface IEventSource
{
    /// <summary>The link of the loop's list of posted sources; the list's own.</summary>
    IEventSource? NextPosted { get; set; }

    /// <summary>An edge has come: EPOLLIN and the like.</summary>
    /// <returns>Whether, and when, <see cref="OnReady"/> is to run an awaiter.</returns>
    Readiness OnEvents(uint events);

    /// <summary>Once after each <see cref="OnEvents"/> that asks for it.</summary>
    void OnReady();

    /// <summary>The source was posted, and finds out itself what there is to do.</summary>
    void OnPosted();

    /// <summary>The loop ends, and with it everything on it.</summary>
    void OnLoopEnded(Exception reason);

    /// <summary>One of the other methods threw: the source ends, and the loop goes on. Does not throw.</summary>
    void OnFailed(Exception exception);
}
