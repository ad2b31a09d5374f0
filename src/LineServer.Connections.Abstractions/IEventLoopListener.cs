namespace LineServer.Connections;

/// <summary>A listener that learns of new connections on an event loop.</summary>
public interface IEventLoopListener
{
    /// <summary>
    /// True if the continuation of <c>AcceptAsync</c> runs on the event loop, false if it runs on the thread
    /// pool. Set it before the first accept. An accept that starts off the loop completes on the loop. If it
    /// has completed before it is awaited, the caller continues synchronously, as with any task. During a
    /// burst, the listener yields to the loop's other connections.
    /// </summary>
    bool AcceptsInline { get; set; }
}
