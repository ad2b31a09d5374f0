namespace LineServer.Connections;

/// <summary>A listener whose new connections are noticed on an event loop.</summary>
public interface IEventLoopListener
{
    /// <summary>
    /// True if what awaits <c>AcceptAsync</c> runs on the event loop, and not on the thread pool. Set it before the first accept. The
    /// listener lets other connections have their turn within a burst.
    /// </summary>
    bool AcceptsInline { get; set; }
}
