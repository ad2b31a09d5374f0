namespace LineServer.Hosting.Internal;

/// <summary>
/// What a handler requests from its connection's loop, and awaits, while it handles a line.
/// </summary>
internal interface IHandlerRequest
{
    /// <summary>The connection ended before the request was served.</summary>
    void Cancel(CancellationToken aborted);
}
