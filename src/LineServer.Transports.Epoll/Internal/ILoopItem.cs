namespace LineServer.Transports.Epoll.Internal;

/// <summary>What an event loop looks after. The loop's thread alone calls it.</summary>
internal interface ILoopItem
{
    /// <summary>The link of the loop's list of posted items; the loop's own.</summary>
    ILoopItem? NextPosted { get; set; }

    /// <summary>An edge has come: EPOLLIN and the like.</summary>
    void OnEvents(uint events);

    /// <summary>It was posted: it looks itself what there is to do.</summary>
    void OnPosted();

    /// <summary>The loop ends, and with it everything on it.</summary>
    void OnLoopEnded(Exception reason);

    /// <summary>Something that was run for the item threw: it ends, the loop goes on.</summary>
    void OnFailed(Exception exception);
}
