namespace LineServer.Hosting.Internal;

/// <summary>What a handler asks of its connection's loop, and awaits, while it has a line.</summary>
internal interface IHandlerRequest
{
    /// <summary>The connection has ended before the request was served.</summary>
    void Cancel(CancellationToken aborted);
}
