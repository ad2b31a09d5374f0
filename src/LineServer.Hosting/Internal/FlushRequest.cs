namespace LineServer.Hosting.Internal;

/// <summary>A handler's request to send what it has staged.</summary>
internal sealed class FlushRequest : TaskCompletionSource, IHandlerRequest
{
    public void Cancel(CancellationToken aborted) => TrySetCanceled(aborted);
}
