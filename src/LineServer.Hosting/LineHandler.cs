using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>
/// The kind of handler that can await: it gets one line at a time, in order, unless
/// <see cref="LineOptions.MaxConcurrentLines"/> allows more. While it is pending, its staged replies and pushed lines are
/// sent, and other connections are served.
/// </summary>
public abstract class LineHandler : LineHandlerBase
{
    /// <summary>
    /// Handles a line. The next line is not given before the returned task ends, unless
    /// <see cref="LineOptions.MaxConcurrentLines"/> allows it.
    /// </summary>
    /// <param name="line">
    /// Valid until the task ends or <see cref="LineConnection.ReadPayloadAsync"/> is called: copy what you
    /// need before.
    /// </param>
    /// <param name="reply">
    /// The output for replies. Use it from one thread at a time, and not after the task has ended.
    /// </param>
    /// <param name="cancellationToken">
    /// <see cref="LineConnection.Aborted"/>: the connection is lost, or the stopping server no longer waits.
    /// A client that half-closed after its last line still waits for replies, so a half-close does not cancel
    /// it.
    /// </param>
    public abstract ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken);
}
