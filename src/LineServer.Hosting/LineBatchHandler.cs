namespace LineServer.Hosting;

/// <summary>The fastest shape: the lines of a whole read at once, straight from the buffer into the transport's.</summary>
public abstract class LineBatchHandler : LineHandlerBase
{
    /// <summary>
    /// Takes lines. It may leave some: it is called again for them, after what it staged was flushed. It is called again, with a batch that
    /// may be empty, after a task that had to be waited for.
    /// </summary>
    /// <remarks>
    /// A <see cref="LineBatch"/> cannot be used after the method returned, and the compiler sees to it: so this is no <c>async</c> method,
    /// but may return the task of one.
    /// </remarks>
    /// <returns>What to wait for before the next call: room in a queue, a commit. Usually <see langword="default"/>: nothing.</returns>
    public abstract ValueTask OnBatch(LineBatch batch);
}
