using System.Buffers;
using System.IO.Pipelines;

namespace LineServer.Hosting.Internal;

/// <summary>
/// What a read of the transport came to: bytes, the end of the stream, a wake-up, or the loss of the connection. An error of the
/// transport is a value from here on, so no exception of a handler can be taken for one.
/// </summary>
internal readonly struct TransportRead
{
    public TransportRead(in ReadResult read)
    {
        Buffer = read.Buffer;
        IsWoken = read.IsCanceled;
        IsLast = read.IsCompleted;
    }

    private TransportRead(Exception error) => Error = error;

    /// <summary>All bytes that were not consumed.</summary>
    public ReadOnlySequence<byte> Buffer { get; }

    /// <summary>Somebody woke the loop; there may be no new bytes.</summary>
    public bool IsWoken { get; }

    /// <summary>No more bytes will come.</summary>
    public bool IsLast { get; }

    /// <summary>Why the connection was lost; null if it was not.</summary>
    public Exception? Error { get; }

    public static TransportRead Lost(Exception error) => new(error);
}
