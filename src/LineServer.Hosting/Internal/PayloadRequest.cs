using System.Buffers;

namespace LineServer.Hosting.Internal;

/// <summary>A handler's request for exactly <see cref="Count"/> bytes.</summary>
internal sealed class PayloadRequest(int count) : TaskCompletionSource<ReadOnlySequence<byte>>, IHandlerRequest
{
    public int Count { get; } = count;

    public void Cancel(CancellationToken aborted) => TrySetCanceled(aborted);
}
