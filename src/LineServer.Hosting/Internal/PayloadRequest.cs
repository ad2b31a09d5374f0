using System.Buffers;

namespace LineServer.Hosting.Internal;

/// <summary>A handler's wish for exactly so many bytes, served by the connection's loop.</summary>
internal sealed class PayloadRequest(int count) : TaskCompletionSource<ReadOnlySequence<byte>>
{
    public int Count { get; } = count;
}
