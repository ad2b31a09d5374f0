using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A thread that runs iterations: run posted sources and code, wait for edges, serve the sources of the edges in
/// groups.
/// </summary>
/// <remarks>
/// <para>
/// If code of a handler blocks the thread, another thread may take over: <see cref="TryTakeOver"/>. Whatever an iteration
/// still has to do is therefore kept in fields. After each call into a source, the thread checks whether it is still the
/// loop's; if not, it touches nothing anymore and ends.
/// </para>
/// <para>
/// Code of a handler runs between <see cref="BeginHandler"/> and <see cref="EndHandler"/>. There
/// <see cref="IsCurrent"/> is false, so that the code uses what any thread may use, and the take-over may happen at any
/// time.
/// </para>
/// </remarks>
internal sealed unsafe class EventLoop
{
    /// <summary>
    /// How many connections are received from, handled and sent to together: docs/decisions/0005.
    /// </summary>
    public const int GroupSize = 8;

    // The size of the thread's stack, and the margin in it that IsCurrent ignores.
    private const int StackSize = 1536 * 1024;
    private const int StackMargin = 64 * 1024;

    // How long an iteration goes on to run posted code, by the coarse clock.
    private const int LongestRunMs = 4;

    // How long to wait for threads that are within a system call on a connection. Those calls do not block.
    private static readonly TimeSpan LongestLeave = TimeSpan.FromSeconds(1);

    // How long to wait for the loop to end. Code that blocks it may never return.
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(2);

    private readonly string _name;
    private readonly EpollInstance _epoll;
    private readonly PostQueue _posted;
    private readonly ReportLog _failures;
    private volatile Thread _thread;
    private readonly LoopBuffers _buffers = new();
    private readonly IEventSource[] _group = new IEventSource[GroupSize];
    private readonly PendingWrites _pending = new(GroupSize);
    private List<PostedItem> _atEnd = []; // runs at the end of this iteration
    private List<PostedItem> _ending = []; // runs now
    private bool _isDeferring; // true while the handlers of a group run
    private int _edges; // of the last wait
    private int _nextEdge;
    private int _groupEnd; // the edge that ends the group
    private int _groupCount;
    private int _nextOfGroup;
    private int _nextAtEnd;
    private long _entries; // how often code of a handler has begun to run
    private long _handling; // the number of the entry while it runs; else 0
    private nuint _stackLow;
    private nuint _stackLength; // 0 while the thread is not running
    private int _connectionCount;
    private volatile bool _isEnding;

    /// <param name="name">The thread's name; Linux keeps the first 15 bytes.</param>
    /// <param name="epoll">The epoll instance, which the loop owns and closes.</param>
    /// <param name="readBudget"><see cref="EpollTransportOptions.ReadBudget"/>.</param>
    /// <param name="failures">Reports unexpected failures.</param>
    /// <exception cref="IOException">No descriptor is left for a thread.</exception>
    public EventLoop(string name, EpollInstance epoll, int readBudget, ReportLog failures)
    {
        _epoll = epoll;
        ByteBudget = readBudget;
        _failures = failures;
        _posted = new PostQueue(RunPosted, RunItem);
        DescriptorLimit.ThrowIfNoneForThread();
        _name = name;
        _thread = NewThread(Run);
        _thread.UnsafeStart();
    }

    /// <summary>
    /// How many bytes a connection may receive, and how many queued bytes it may send, in one iteration.
    /// </summary>
    public int ByteBudget { get; }

    /// <summary>Counts iterations. Only the loop's thread reads it.</summary>
    public int Iteration { get; private set; }

    /// <summary>True on the loop's thread, unless code of a handler runs.</summary>
    /// <remarks>
    /// Tested by the address of the stack, which no two threads share. It is asked a dozen times per read and
    /// costs two comparisons, where the current thread's id would cost a call into the runtime.
    /// </remarks>
    public bool IsCurrent
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            // The length first: with the successor's length comes the successor's stack.
            byte here;
            nuint length = Volatile.Read(ref _stackLength);
            return (nuint)(&here) - Volatile.Read(ref _stackLow) < length;
        }
    }

    /// <summary>True if the loop has ended or is about to.</summary>
    public bool IsEnding => _isEnding;

    /// <summary>The number of open connections assigned to this loop.</summary>
    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    /// <summary>
    /// Changes whenever the loop begins something else. <see cref="BlockedLoopWatcher"/> reads it and
    /// <see cref="Current"/>.
    /// </summary>
    public long Progress { get; private set; }

    /// <summary>The source being served; null while the loop waits.</summary>
    public IEventSource? Current { get; private set; }

    /// <summary>False while the loop waits for edges. Always true while a source is served.</summary>
    public bool IsAwake => _epoll.IsAwake;

    /// <summary>The kernel's id of the loop's thread; 0 before it runs.</summary>
    public int ThreadId { get; private set; }

    /// <summary>Notified when the loop wakes; null if nobody watches.</summary>
    public BlockedLoopWatcher? Watcher { get; set; }

    /// <summary>Sends what was flushed on the thread pool. Thread-safe.</summary>
    public HeldFlushes Held { get; } = new();

    /// <summary>Rents an array of at least this size. Thread-safe.</summary>
    public byte[] Rent(int size) => IsCurrent ? _buffers.Rent(size) : ArrayPool<byte>.Shared.Rent(size);

    /// <summary>Returns an array. Thread-safe.</summary>
    public void Return(byte[] array)
    {
        if (IsCurrent)
        {
            _buffers.Return(array);
        }
        else
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }

    public void CountConnection() => Interlocked.Increment(ref _connectionCount);

    public void UncountConnection() => Interlocked.Decrement(ref _connectionCount);

    /// <inheritdoc cref="EpollInstance.Register"/>
    public int Register(IEventSource source, int descriptor, uint events, out int slot) =>
        _epoll.Register(source, descriptor, events, out slot);

    /// <inheritdoc cref="EpollInstance.Unregister(int)"/>
    public void Unregister(int slot) => _epoll.Unregister(slot);

    /// <inheritdoc cref="EpollInstance.Unregister(int, int)"/>
    public void Unregister(int slot, int descriptor) => _epoll.Unregister(slot, descriptor);

    /// <summary>
    /// Makes the loop call <see cref="IEventSource.OnPosted"/> before it waits again. A source must not be
    /// posted again before it is called.
    /// </summary>
    public void Post(IEventSource source)
    {
        if (_posted.Add(source) && !IsCurrent)
        {
            _epoll.WakeUp();
        }
    }

    /// <summary>Makes the loop run code before it waits again, any number of times. Thread-safe.</summary>
    public void Post(in PostedItem item)
    {
        if (_posted.Add(item) && !IsCurrent)
        {
            _epoll.WakeUp();
        }
    }

    /// <summary>
    /// On the loop: runs code at the end of the current iteration, when the loop has nothing else to run or has run
    /// posted code for long enough.
    /// </summary>
    public void PostAtEnd(in PostedItem item) => _atEnd.Add(item);

    /// <summary>
    /// Keeps a write and its array until the rest of the group has been handled. Returns false if the caller
    /// must send at once. Thread-safe.
    /// </summary>
    public bool TryDefer(IPendingWriter writer, byte[] array, int start, int end) =>
        _isDeferring && IsCurrent && _pending.TryAdd(writer, array, start, end);

    /// <summary>On the loop: appends more bytes to a writer's pending write, if there is room for them.</summary>
    public bool TryAppendPending(IPendingWriter writer, ReadOnlySpan<byte> bytes) => _isDeferring && _pending.TryAppend(writer, bytes);

    /// <summary>On the loop: sends a writer's pending write before more bytes that follow it.</summary>
    public void SendPending(IPendingWriter writer) => _pending.Send(writer);

    /// <summary>
    /// Ends the loop and all of its sources. Returns when the thread has ended, or after
    /// <see cref="LongestEnd"/> if code blocks the loop, which then ends when that code returns. Must not be
    /// called on the loop's thread.
    /// </summary>
    public void End()
    {
        Debug.Assert(!IsCurrent, "a loop cannot wait for itself");
        RequestEnd();
        Thread thread;
        bool hasEnded;
        do
        {
            thread = _thread;
            hasEnded = thread.Join(LongestEnd);
        }
        while (thread != _thread);
        if (!hasEnded)
        {
            _failures.Write(
                LogLevel.Error, null, "an event loop does not end: {Source} has blocked it for {Seconds} s", Current, LongestEnd.TotalSeconds);
        }
    }

    /// <summary>Asks the loop to end, without waiting for it.</summary>
    public void RequestEnd()
    {
        _isEnding = true;
        _epoll.WakeUp(force: true); // the loop may be about to sleep
    }

    /// <summary>On the loop: code of a handler is about to run. On other threads it does nothing.</summary>
    /// <returns>What <see cref="EndHandler"/> needs.</returns>
    public long BeginHandler()
    {
        // An ending loop is not taken over: it would end twice.
        if (!IsCurrent || _isEnding)
        {
            return 0;
        }

        long entry = ++_entries;
        _stackLength = 0;
        Volatile.Write(ref _handling, entry);
        return entry;
    }

    /// <summary>Code of a handler has run. If another thread has taken over meanwhile, this is no longer the loop's.</summary>
    public void EndHandler(long entry)
    {
        if (entry != 0 && Interlocked.CompareExchange(ref _handling, 0, entry) == entry)
        {
            _stackLength = StackSize - StackMargin;
        }
    }

    /// <summary>
    /// Lets another thread run the loop if code of a handler is running on the loop's thread, which is left to it.
    /// </summary>
    /// <param name="progress">
    /// <see cref="Progress"/> when the loop was found blocked. If it has moved on since, nothing happens.
    /// </param>
    /// <returns>False if no code of a handler is running, or no thread can be had.</returns>
    public bool TryTakeOver(long progress)
    {
        long entry = Volatile.Read(ref _handling);
        if (entry == 0 || Progress != progress || !DescriptorLimit.HasSomeForThread())
        {
            return false;
        }

        // The thread is started first, because that may fail.
        bool isTaken = false;
        var go = new ManualResetEventSlim();
        Thread former = _thread;
        Thread successor = NewThread(() =>
        {
            go.Wait();
            go.Dispose();
            if (isTaken)
            {
                Run();
            }
        });
        try
        {
            successor.UnsafeStart();
        }
        catch (OutOfMemoryException)
        {
            return false;
        }

        // Either this, or the end of the handler's code.
        isTaken = Interlocked.CompareExchange(ref _handling, 0, entry) == entry;
        if (isTaken)
        {
            _thread = successor;
        }

        go.Set();
        if (isTaken)
        {
            former.Name = $"was-{_name}";
        }

        return isTaken;
    }

    private Thread NewThread(ThreadStart run) => new(run, StackSize) { IsBackground = true, Name = _name };

    private void Run()
    {
        // Everything that runs on the loop has its frames below this one. Frames deeper than the margin do
        // not count as the loop's, which only costs a needless wake-up.
        byte top;
        ThreadId = Libc.GetThreadId();
        _stackLow = (nuint)(&top) - (StackSize - StackMargin);
        Volatile.Write(ref _stackLength, StackSize - StackMargin);
        // What is left if the loop was taken over in the middle of an iteration.
        RunGroups();
        while (IsCurrent && !_isEnding)
        {
            RunIteration();
        }

        if (!IsCurrent)
        {
            return;
        }

        EndAll();
        _epoll.Close();
        _stackLength = 0; // another thread's stack may take this place
    }

    // A method of its own: Run never returns, so the JIT would optimize only its loop.
    private void RunIteration()
    {
        // Postponed sources run before new edges of others, which have had their turn.
        Iteration++;
        if (!_posted.RunSources() || !RunItems() || !RunAtEnd())
        {
            return;
        }

        _epoll.BeginSleep();
        bool mayBlock = _posted.IsEmpty && _atEnd.Count == 0 && !_isEnding;
        Current = null;
        _nextEdge = _groupEnd = 0;
        _edges = _epoll.Wait(mayBlock);
        Watcher?.OnAwake();
        RunGroups();
    }

    private void RunGroups()
    {
        // First the rest of a group in which the loop was taken over.
        bool goesOn = (_groupCount == 0 && _nextEdge >= _groupEnd) || RunGroup();
        while (goesOn && _nextEdge < _edges)
        {
            _groupEnd = Math.Min(_nextEdge + GroupSize, _edges);
            goesOn = RunGroup();
        }
    }

    // All of the group receive, then all awaiters run, then all replies are sent. A core's caches do not hold
    // the code of all three, the kernel's and ours, and would fetch it anew for each connection.
    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown ends the connection that was served, and no other.")]
    private bool RunGroup()
    {
        while (_nextEdge < _groupEnd || _nextOfGroup < _groupCount)
        {
            // One try block serves the whole group; it is entered again after each exception.
            IEventSource? served = null;
            try
            {
                if (!ReceiveAll(ref served) || !RunReady(ref served))
                {
                    return false;
                }
            }
            catch (Exception e)
            {
                Fail(served!, e);
                if (!IsCurrent)
                {
                    return false;
                }
            }
        }

        StopDeferring();
        Array.Clear(_group, 0, _groupCount);
        _groupCount = _nextOfGroup = 0;
        return true;
    }

    private bool ReceiveAll(ref IEventSource? served)
    {
        while (_nextEdge < _groupEnd)
        {
            if (_epoll.Event(_nextEdge++, out uint events) is not { } source)
            {
                continue;
            }

            Begin(served = source);
            Readiness readiness = source.OnEvents(events);
            if (readiness == Readiness.AtOnce)
            {
                source.OnReady();
            }

            if (!IsCurrent)
            {
                return false;
            }

            if (readiness == Readiness.InGroup)
            {
                _group[_groupCount++] = source;
            }
        }

        return true;
    }

    private bool RunReady(ref IEventSource? served)
    {
        _isDeferring = true;
        long began = Environment.TickCount64;
        while (_nextOfGroup < _groupCount)
        {
            IEventSource source = _group[_nextOfGroup++];
            Begin(served = source);
            source.OnReady();
            if (!IsCurrent)
            {
                return false;
            }

            if (_isDeferring && Environment.TickCount64 != began)
            {
                // The handlers are slow: do not keep replies waiting for all of them.
                StopDeferring();
            }
        }

        return true;
    }

    // Does not throw: IPendingWriter.SendPending handles each writer's failure.
    private void StopDeferring()
    {
        _isDeferring = false;
        _pending.SendAll();
    }

    private void Begin(IEventSource source)
    {
        Current = source;
        Progress++;
    }

    // Code that posts more code runs on for a while, before edges have their turn: a handler that yields for each line ends
    // all lines of its read, and their replies leave together.
    private bool RunItems()
    {
        long began = Environment.TickCount64;
        while (_posted.RunItems() && Environment.TickCount64 - began < LongestRunMs)
        {
        }

        return IsCurrent;
    }

    private bool RunAtEnd()
    {
        if (_nextAtEnd == _ending.Count)
        {
            // If the loop was taken over in the last of them, they are still here.
            _ending.Clear();
            _nextAtEnd = 0;
            if (_atEnd.Count == 0)
            {
                return true;
            }

            (_atEnd, _ending) = (_ending, _atEnd);
        }

        while (_nextAtEnd < _ending.Count)
        {
            if (!RunItem(_ending[_nextAtEnd++]))
            {
                return false;
            }
        }

        _ending.Clear();
        _nextAtEnd = 0;
        return true;
    }

    /// <summary>Returns false if another thread has taken over.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "As in RunGroup.")]
    private bool RunItem(PostedItem item)
    {
        // After the loop has ended, a thread of the pool runs this.
        bool isCurrent = IsCurrent;
        Begin(item.Source);
        try
        {
            item.Run();
        }
        catch (Exception e)
        {
            Fail(item.Source, e);
        }

        return !isCurrent || IsCurrent;
    }

    /// <inheritdoc cref="RunItem"/>
    [SuppressMessage("Design", "CA1031", Justification = "As in RunGroup.")]
    private bool RunPosted(IEventSource source)
    {
        bool isCurrent = IsCurrent;
        Begin(source);
        try
        {
            source.OnPosted();
        }
        catch (Exception e)
        {
            Fail(source, e);
        }

        return !isCurrent || IsCurrent;
    }

    [SuppressMessage("Design", "CA1031", Justification = "What reports a failure cannot fail.")]
    public void Fail(IEventSource source, Exception exception)
    {
        source.OnFailed(exception);
        try
        {
            _failures.Write(LogLevel.Error, exception, "{Source}: its awaiter threw on the event loop; it is ended", source);
        }
        catch (Exception)
        {
            // There is no memory for the report.
        }
    }

    private void EndAll()
    {
        var reason = new ObjectDisposedException(nameof(EpollTransportFactory), "The transport was disposed.");
        _epoll.TakeNoMore();
        _epoll.ForEachSource(source => EndSource(source, reason));

        // A connection in use by another thread is posted when that thread exits. If that takes longer, a
        // thread-pool worker runs the post in the loop's place.
        SpinWait.SpinUntil(
            () =>
            {
                _posted.RunSources();
                _posted.RunItems();
                return !_epoll.HasSources;
            },
            LongestLeave);
        RunAtEnd();
        _posted.HandOver();
    }

    [SuppressMessage("Design", "CA1031", Justification = "As in RunGroup.")]
    private void EndSource(IEventSource source, Exception reason)
    {
        Begin(source);
        try
        {
            source.OnLoopEnded(reason);
        }
        catch (Exception e)
        {
            Fail(source, e);
        }
    }
}
