using System.Buffers;
using System.IO.Pipelines;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The result of a read of the transport: bytes, the end of the stream, a wake-up, or the loss of the
/// connection. Transport errors become values here, so that they cannot be confused with a handler's
/// exceptions.
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

    /// <summary>All unconsumed bytes.</summary>
    public ReadOnlySequence<byte> Buffer { get; }

    /// <summary>True if the loop was woken; there may be no new bytes.</summary>
    public bool IsWoken { get; }

    /// <summary>True if no more bytes will arrive.</summary>
    public bool IsLast { get; }

    /// <summary>Why the connection was lost; null if it was not.</summary>
    public Exception? Error { get; }

    public static TransportRead Lost(Exception error) => new(error);
}
