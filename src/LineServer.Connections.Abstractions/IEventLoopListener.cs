namespace LineServer.Connections;

/// <summary>A listener whose new connections are noticed on an event loop.</summary>
public interface IEventLoopListener
{
    /// <summary>
    /// True if the awaiter of <c>AcceptAsync</c> runs on the event loop, and not on the thread pool. Set it before the first
    /// accept. An accept that is begun off the loop completes on the loop; one that has completed before it is awaited
    /// goes on where it was begun, as any task. Within a burst, the listener lets other connections have their turn.
    /// </summary>
    bool AcceptsInline { get; set; }
}
