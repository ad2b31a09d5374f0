namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// What other threads and the loop itself have posted: sources, and code. Sources are an intrusive list, so posting
/// them needs no memory. After the loop has ended, one thread-pool worker at a time runs both in its place.
/// </summary>
internal sealed class PostQueue(Action<IEventSource> runSource, Action<PostedItem> runItem)
{
    private const int InitialItems = 16;

    private readonly Lock _gate = new();
    private PostedItem[] _items = new PostedItem[InitialItems];
    private PostedItem[] _running = new PostedItem[InitialItems];
    private int _itemCount;
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
    /// <returns>False if there was none.</returns>
    public bool RunItems()
    {
        if (!HasItems)
        {
            return false;
        }

        int count;
        lock (_gate)
        {
            (_items, _running) = (_running, _items);
            count = _itemCount;
            _itemCount = 0;
        }

        foreach (ref PostedItem item in _running.AsSpan(0, count))
        {
            PostedItem next = item;
            item = default;
            runItem(next);
        }

        return true;
    }

    /// <summary>Runs the sources posted so far. Those posted meanwhile wait for the next call.</summary>
    public void RunSources()
    {
        if (Volatile.Read(ref _first) is null)
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
            runSource(source);
        }
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
