namespace LineServer.Hosting.Internal;

/// <summary>A handler's wish that what it has staged is sent.</summary>
internal sealed class FlushRequest : TaskCompletionSource, IHandlerRequest
{
    public void Cancel(CancellationToken aborted) => TrySetCanceled(aborted);
}
