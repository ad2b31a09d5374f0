namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// What other threads and the loop itself have posted: sources, and code. Sources are an intrusive list, so posting
/// them needs no memory. After the loop has ended, one thread-pool worker at a time runs both in its place.
/// </summary>
/// <remarks>
/// What is being run is kept in fields, because another thread may take over the loop within a call. The functions return
/// false then, and the former thread must touch nothing anymore.
/// </remarks>
internal sealed class PostQueue(Func<IEventSource, bool> runSource, Func<PostedItem, bool> runItem)
{
    private const int InitialItems = 16;

    private readonly Lock _gate = new();
    private PostedItem[] _items = new PostedItem[InitialItems];
    private PostedItem[] _running = new PostedItem[InitialItems];
    private int _itemCount;
    private IEventSource? _nextSource; // of those being run
    private int _nextItem; // of _running
    private int _runningCount;
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
    public bool IsEmpty => Volatile.Read(ref _first) is null && !HasItems;

    private bool HasItems => Volatile.Read(ref _itemCount) > 0;

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

    /// <summary>Adds code, any number of times.</summary>
    /// <inheritdoc cref="Add(IEventSource)"/>
    public bool Add(in PostedItem item)
    {
        lock (_gate)
        {
            if (_itemCount == _items.Length)
            {
                Array.Resize(ref _items, _itemCount * 2);
            }

            _items[_itemCount] = item;
            Volatile.Write(ref _itemCount, _itemCount + 1);
            if (_runner == Runner.Loop)
            {
                return true;
            }

            StartWorker();
            return false;
        }
    }

    /// <summary>Runs the code posted so far. What is posted meanwhile waits for the next call.</summary>
    /// <returns>False if there was none, or another thread has taken over.</returns>
    public bool RunItems()
    {
        if (_nextItem == _runningCount)
        {
            if (!HasItems)
            {
                return false;
            }

            lock (_gate)
            {
                (_items, _running) = (_running, _items);
                _runningCount = _itemCount;
                _itemCount = 0;
            }

            _nextItem = 0;
        }

        while (_nextItem < _runningCount)
        {
            ref PostedItem item = ref _running[_nextItem++];
            PostedItem next = item;
            item = default;
            if (!runItem(next))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Runs the sources posted so far. Those posted meanwhile wait for the next call.</summary>
    /// <returns>False if another thread has taken over.</returns>
    public bool RunSources()
    {
        if (_nextSource is null && Volatile.Read(ref _first) is not null)
        {
            lock (_gate)
            {
                _nextSource = _first;
                _first = _last = null;
            }
        }

        while (_nextSource is { } source)
        {
            // Read the link first: the source may be posted again as soon as it runs.
            _nextSource = source.NextPosted;
            source.NextPosted = null;
            if (!runSource(source))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The loop has ended: thread-pool workers run what is posted from now on.</summary>
    public void HandOver()
    {
        lock (_gate)
        {
            _runner = Runner.Nobody;
            if (!IsEmpty)
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
            RunSources();
            RunItems();
            lock (_gate)
            {
                if (IsEmpty)
                {
                    _runner = Runner.Nobody;
                    return;
                }
            }
        }
    }
}
