namespace LineServer.Transports.Epoll.Internal;

/// <summary>What an event loop looks after. The loop's thread alone calls it.</summary>
internal interface ILoopItem
{
    /// <summary>The link of the loop's list of posted items; the loop's own.</summary>
    ILoopItem? NextPosted { get; set; }

    /// <summary>An edge has come: EPOLLIN and the like.</summary>
    /// <returns>True: something waits for it, and is to be run by <see cref="OnReady"/>.</returns>
    bool OnEvents(uint events);

    /// <summary>Once after each <see cref="OnEvents"/> that asks for it, when the edges of the whole group have been told.</summary>
    void OnReady();

    /// <summary>It was posted: it looks itself what there is to do.</summary>
    void OnPosted();

    /// <summary>The loop ends, and with it everything on it.</summary>
    void OnLoopEnded(Exception reason);

    /// <summary>Something that was run for the item threw: it ends, the loop goes on.</summary>
    void OnFailed(Exception exception);
}
