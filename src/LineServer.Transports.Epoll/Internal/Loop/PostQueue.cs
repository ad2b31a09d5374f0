namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// What other threads, and the loop itself, have posted: an intrusive list, so posting needs no memory. When the loop
/// has ended, one worker of the thread pool at a time runs the list in its place.
/// </summary>
internal sealed class PostQueue(Action<IEventSource> run)
{
    private readonly Lock _gate = new();
    private IEventSource? _first;
    private IEventSource? _last;
    private Runner _runner;

    private enum Runner
    {
        /// <summary>The loop's thread.</summary>
        Loop,

        /// <summary>The loop has ended, and nothing is posted.</summary>
        Nobody,

        /// <summary>The loop has ended; one worker runs what is posted.</summary>
        Pool,
    }

    /// <summary>A hint off the gate; see the fences of <see cref="EventLoop"/>.</summary>
    public bool IsEmpty => Volatile.Read(ref _first) is null;

    /// <summary>Adds a source, which must not be in the list.</summary>
    /// <returns>True: the loop is to be woken.</returns>
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

    /// <summary>Runs what was posted until now. What is posted meanwhile waits for the next call.</summary>
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
            // It may be posted again as soon as it runs.
            next = source.NextPosted;
            source.NextPosted = null;
            run(source);
        }
    }

    /// <summary>The loop has ended: from now on, workers of the thread pool run what is posted.</summary>
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

    // Under the gate. One worker for all: sources rely on nobody else looking after them meanwhile, above all when they
    // close.
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
            // What is posted stays in the list: the next to post tries again.
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
