namespace LineServer.Connections;

/// <summary>
/// The context of a connection's handler on an event loop: what the handler awaits resumes on the loop. While code runs
/// between <see cref="Enter"/> and <see cref="Leave"/>, it counts as the handler's: if it blocks, another thread may take
/// over the loop.
/// </summary>
public abstract class HandlerContext : SynchronizationContext
{
    /// <summary>Begins to run code of the handler, on any thread.</summary>
    /// <returns>What <see cref="Leave"/> needs.</returns>
    public abstract HandlerEntry Enter();

    /// <summary>
    /// Ends it. If the loop was taken over meanwhile, the current thread is no longer the loop's.
    /// </summary>
    public abstract void Leave(in HandlerEntry entry);
}
