namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Sources posted by other threads and by the loop itself. An intrusive list, so posting needs no memory.
/// After the loop has ended, one thread-pool worker at a time runs the list in its place.
/// </summary>
internal sealed class PostQueue(Action<IEventSource> run)
{
    private readonly Lock _gate = new();
    private IEventSource? _first;
    private IEventSource? _last;
    private Runner _runner;

    private enum Runner
    {
        /// <summary>The loop's thread runs the list.</summary>
        Loop,

        /// <summary>The loop has ended, and the list is empty.</summary>
        Nobody,

        /// <summary>The loop has ended, and one worker runs the list.</summary>
        Pool,
    }

    /// <summary>
    /// A hint, read without the lock; see the fences of <see cref="EpollInstance.BeginSleep"/>.
    /// </summary>
    public bool IsEmpty => Volatile.Read(ref _first) is null;

    /// <summary>Adds a source, which must not be in the list.</summary>
    /// <returns>True if the caller must wake the loop.</returns>
    public bool Add(IEventSource source)
    {
        lock (_gate)
        {
            if (_last is null)
            {
                _first = source;
            }
            else
            {
                _last.NextPosted = source;
            }

            _last = source;
            if (_runner == Runner.Loop)
            {
                return true;
            }

            StartWorker();
            return false;
        }
    }

    /// <summary>Runs the sources posted so far. Those posted meanwhile wait for the next call.</summary>
    public void RunAll()
    {
        if (IsEmpty)
        {
            return;
        }

        IEventSource? next;
        lock (_gate)
        {
            next = _first;
            _first = _last = null;
        }

        while (next is { } source)
        {
            // Read the link first: the source may be posted again as soon as it runs.
            next = source.NextPosted;
            source.NextPosted = null;
            run(source);
        }
    }

    /// <summary>The loop has ended: thread-pool workers run what is posted from now on.</summary>
    public void HandOver()
    {
        lock (_gate)
        {
            _runner = Runner.Nobody;
            if (_first is not null)
            {
                StartWorker();
            }
        }
    }

    // Call it under the lock. There is only one worker, because sources rely on not running on two threads at
    // once, above all when they close.
    private void StartWorker()
    {
        if (_runner != Runner.Nobody)
        {
            return;
        }

        try
        {
            ThreadPool.UnsafeQueueUserWorkItem(static queue => queue.RunUntilEmpty(), this, preferLocal: false);
            _runner = Runner.Pool;
        }
        catch (OutOfMemoryException)
        {
            // The list keeps what was posted; the next post tries again.
        }
    }

    private void RunUntilEmpty()
    {
        while (true)
        {
            RunAll();
            lock (_gate)
            {
                if (_first is null)
                {
                    _runner = Runner.Nobody;
                    return;
                }
            }
        }
    }
}
