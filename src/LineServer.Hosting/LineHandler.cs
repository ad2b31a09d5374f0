using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>
/// The shape for handlers that wait for something: a line at a time, in order. While one waits, its connection's replies so far are sent,
/// pushes go out, and other connections go on.
/// </summary>
public abstract class LineHandler : LineHandlerBase
{
    /// <summary>A line came. The next one is given when the task has ended.</summary>
    /// <param name="line">
    /// Valid until the task ends, or until <see cref="LineConnection.ReadPayloadAsync"/> is called: take what is needed of it before.
    /// </param>
    /// <param name="reply">Where to stage replies. From one thread at a time, and not after the task has ended.</param>
    /// <param name="cancellationToken">
    /// <see cref="LineConnection.Aborted"/>: the connection is gone, or the server stops and waits no longer. A client that sent its last line
    /// and half-closed still waits for its replies, and cancels nothing.
    /// </param>
    public abstract ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken);
}
