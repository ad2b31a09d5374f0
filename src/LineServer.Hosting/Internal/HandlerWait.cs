namespace LineServer.Hosting.Internal;

/// <summary>
/// What the loop waits on while a handler works: the handler's end, a request of the handler, or anyone who wakes the connection. Made
/// when a handler first has to be waited for.
/// </summary>
internal sealed class HandlerWait : WakeSignal
{
    private IHandlerRequest? _request;

    /// <summary>Asks the loop for something. A handler awaits one request before it makes another.</summary>
    public void Post(IHandlerRequest request)
    {
        if (Interlocked.CompareExchange(ref _request, request, null) is not null)
        {
            throw new InvalidOperationException("The handler has asked for a flush or a payload already, and has not awaited it.");
        }

        Set();
    }

    /// <summary>The handler's request, which the loop serves now.</summary>
    public IHandlerRequest? Take() => Volatile.Read(ref _request) is null ? null : Interlocked.Exchange(ref _request, null);
}
