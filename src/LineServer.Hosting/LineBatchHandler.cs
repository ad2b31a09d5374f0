using LineServer.Connections;

namespace LineServer.Hosting;

/// <summary>
/// The fastest kind of handler: it gets all lines of a read at once, and writes replies into the transport's
/// buffer.
/// </summary>
public abstract class LineBatchHandler : LineHandlerBase
{
    /// <summary>
    /// Takes lines. If it leaves some, its replies are flushed and it is called again for the rest. It is
    /// also called again, with a batch that may be empty, after a returned task that had to be awaited.
    /// </summary>
    /// <remarks>
    /// A <see cref="LineBatch"/> must not outlive the call. The compiler enforces it: the method cannot be
    /// <c>async</c>, but it may return the task of a method that is.
    /// </remarks>
    /// <returns>
    /// What to await before the next call, such as room in a queue or a commit. Usually
    /// <see langword="default"/>.
    /// </returns>
    public abstract ValueTask OnBatch(LineBatch batch);

    /// <summary>Resumes the handler on its event loop after an await; null on the thread pool.</summary>
    internal HandlerContext? Context { get; set; }
}
