using System.Collections.Concurrent;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// The connections of a loop whose awaiters run on the thread pool and have flushed something small. One work item sends
/// for all of them, after the work items that were queued before it: by then a connection may have flushed more.
/// </summary>
internal sealed class HeldFlushes : IThreadPoolWorkItem
{
    private readonly ConcurrentQueue<IHeldWriter> _writers = new();
    private int _isQueued;

    /// <summary>Sends for a writer soon, on the thread pool, whatever the caller does meanwhile.</summary>
    /// <exception cref="OutOfMemoryException">There is no memory. The writer may have been added.</exception>
    public void Add(IHeldWriter writer)
    {
        _writers.Enqueue(writer);
        Queue();
    }

    void IThreadPoolWorkItem.Execute()
    {
        // Not queued again for what comes meanwhile: that needs memory, and an exception here would end the process.
        do
        {
            while (_writers.TryDequeue(out IHeldWriter? writer))
            {
                writer.SendHeld();
            }

            Volatile.Write(ref _isQueued, 0);
            // Either this sees a writer that was just added, or its adder sees that nothing is queued.
            Interlocked.MemoryBarrier();
        }
        while (!_writers.IsEmpty && Interlocked.CompareExchange(ref _isQueued, 1, 0) == 0);
    }

    private void Queue()
    {
        if (Interlocked.CompareExchange(ref _isQueued, 1, 0) != 0)
        {
            return;
        }

        try
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        catch (OutOfMemoryException)
        {
            Volatile.Write(ref _isQueued, 0);
            throw;
        }
    }
}
