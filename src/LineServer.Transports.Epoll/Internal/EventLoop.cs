using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A thread with an epoll instance: runs what was posted, waits for edges, hands them to their items. One such round is a turn.
/// </summary>
internal sealed unsafe class EventLoop
{
    /// <summary>Connections that are received from, handled and sent to together: docs/decisions/0005.</summary>
    public const int GroupSize = 8;

    private const int MaxEvents = 512;
    private const ulong WakeUpData = ulong.MaxValue;

    // What the thread has for what it runs; and at its ends, what is not counted as its own.
    private const int StackSize = 1536 * 1024;
    private const int StackMargin = 64 * 1024;

    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(1);

    private readonly delegate*<int, byte*, int, int, int> _wait;
    private readonly ILogger _logger;
    private readonly int _epoll;
    private readonly int _wakeUp; // an eventfd
    private readonly Thread _thread;
    private readonly SlotTable _slots = new();
    private readonly LoopBuffers _buffers = new();
    private readonly ILoopItem[] _group = new ILoopItem[GroupSize];
    private readonly DeferredSends _deferred = new(GroupSize);
    private bool _isDeferring; // while the handlers of a group run
    private readonly Lock _postedGate = new();
    private readonly Lock _wakeUpGate = new();
    private readonly Lock _registerGate = new();
    private ILoopItem? _firstPosted;
    private ILoopItem? _lastPosted;
    private nuint _stackLow;
    private nuint _stackLength; // 0 while the thread does not run
    private int _isAsleep;
    private int _connectionCount;
    private volatile bool _ending;
    private bool _hasEnded; // under the gate of what is posted
    private bool _isRunByPool; // under the same gate: after the end, one worker of the thread pool at a time stands in for the loop
    private bool _isWakeUpClosed; // under its gate
    private bool _takesNoMore; // under the gate of registering

    /// <param name="name">The thread's name; Linux keeps the first 15 bytes.</param>
    /// <param name="wait">epoll_wait.</param>
    /// <param name="readBudget"><see cref="EpollTransportOptions.ReadBudget"/>.</param>
    /// <param name="logger">For what must not happen.</param>
    /// <exception cref="IOException">No descriptor is left, or no memory.</exception>
    public EventLoop(string name, delegate*<int, byte*, int, int, int> wait, int readBudget, ILogger logger)
    {
        _wait = wait;
        ReadBudget = readBudget;
        _logger = logger;
        _epoll = _wakeUp = -1;
        try
        {
            _epoll = Succeeded(Libc.EpollCreate(Libc.CloseOnExec), "epoll_create1");
            _wakeUp = Succeeded(Libc.EventDescriptor(0, Libc.CloseOnExec | Libc.NonBlocking), "eventfd");
            _ = Succeeded(Control(_wakeUp, EpollEvent.In | EpollEvent.EdgeTriggered, WakeUpData), "epoll_ctl");
            DescriptorLimit.ThrowIfNoneForThread();
            _thread = new Thread(Run, StackSize) { IsBackground = true, Name = name };
            _thread.UnsafeStart();
        }
        catch
        {
            CloseIfOpen(_wakeUp);
            CloseIfOpen(_epoll);
            throw;
        }
    }

    /// <summary>An array of at least so many bytes; from any thread.</summary>
    public byte[] Rent(int size) => IsCurrent ? _buffers.Rent(size) : ArrayPool<byte>.Shared.Rent(size);

    /// <summary>Gives an array back; from any thread.</summary>
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

    /// <summary>Bytes that a connection may read in one turn.</summary>
    public int ReadBudget { get; }

    /// <summary>Counts turns; the loop's thread alone reads it.</summary>
    public int Turn { get; private set; }

    /// <summary>True on the loop's thread.</summary>
    /// <remarks>
    /// By where the stack lies, which no two threads share: asked a dozen times for each read, and two comparisons where the number of the current thread
    /// would be a call into the runtime.
    /// </remarks>
    public bool IsCurrent
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            byte here;
            return (nuint)(&here) - _stackLow < _stackLength;
        }
    }

    /// <summary>Connections that were dealt to this loop and have not ended.</summary>
    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    /// <summary>Changes whenever the loop begins something else; with <see cref="Current"/>, what <see cref="LoopWatcher"/> looks at.</summary>
    public long Progress { get; private set; }

    /// <summary>What the loop runs now; null while it waits.</summary>
    public ILoopItem? Current { get; private set; }

    /// <summary>False while the loop waits for edges. True a moment longer than that at either end; every item runs while it is true.</summary>
    public bool IsAwake => Volatile.Read(ref _isAsleep) == 0;

    /// <summary>Told when the loop wakes; null where nobody watches.</summary>
    public LoopWatcher? Watcher { get; set; }

    public void CountConnection() => Interlocked.Increment(ref _connectionCount);

    public void UncountConnection() => Interlocked.Decrement(ref _connectionCount);

    /// <summary>Begins to watch a descriptor for <paramref name="events"/>, edge-triggered, once for all.</summary>
    /// <param name="item">Whom edges are told.</param>
    /// <param name="descriptor">What is watched.</param>
    /// <param name="events">The edges.</param>
    /// <param name="slot">The item's own field: it is set before the loop can end the item.</param>
    /// <returns>0, or −errno: no memory, too many watches, or ECANCELED if the loop ends.</returns>
    public int Register(ILoopItem item, int descriptor, uint events, out int slot)
    {
        slot = -1;
        // A loop that ends has told all of its items, or takes no more: none comes in between, nor to an epoll instance whose number is another's by then.
        lock (_registerGate)
        {
            if (_takesNoMore)
            {
                return -(int)Errno.ECANCELED;
            }

            // The slot first: an edge may come before epoll_ctl has returned.
            slot = _slots.Add(item, out ulong data);
            int error = Control(descriptor, events | EpollEvent.EdgeTriggered, data);
            if (error != 0)
            {
                _slots.Remove(slot);
            }

            return error;
        }
    }

    /// <summary>Forgets an item. An edge of it that is under way finds nobody. The kernel forgets the descriptor when it is closed.</summary>
    public void Unregister(int slot) => _slots.Remove(slot);

    /// <summary>Has the loop call <see cref="ILoopItem.OnPosted"/> before it waits again. An item that is in the list must not be posted.</summary>
    public void Post(ILoopItem item)
    {
        lock (_postedGate)
        {
            if (_lastPosted is null)
            {
                _firstPosted = item;
            }
            else
            {
                _lastPosted.NextPosted = item;
            }

            _lastPosted = item;
            if (_hasEnded)
            {
                // Who has just begun to await what the end of the loop has ended, or was the last to leave a connection.
                RunByPool();
                return;
            }
        }

        WakeUp();
    }

    /// <summary>On any thread: keeps bytes until the others of the group have been handled. False: they are to be sent at once.</summary>
    public bool TryDefer(IDeferringSender sender, ReadOnlySpan<byte> bytes) => _isDeferring && IsCurrent && _deferred.TryAdd(sender, bytes);

    /// <summary>On the loop: sends what it keeps of one sender, for more follows.</summary>
    public void SendDeferred(IDeferringSender sender) => _deferred.Send(sender);

    /// <summary>Ends the loop, and everything on it; returns when its thread has ended. Not on that thread.</summary>
    public void End()
    {
        Debug.Assert(!IsCurrent, "a loop cannot wait for itself");
        _ending = true;
        // Whatever it believes: it may be about to sleep.
        Volatile.Write(ref _isAsleep, 1);
        WakeUp();
        _thread.Join();
    }

    private void WakeUp()
    {
        // Full fences on both sides (this exchange, and the barrier before the loop waits): either the loop sees what was posted, or this
        // sees that it sleeps.
        if (!IsCurrent && Interlocked.Exchange(ref _isAsleep, 0) != 0)
        {
            // The loop may end meanwhile, and its descriptor's number be another's, who would find eight bytes in their stream.
            lock (_wakeUpGate)
            {
                if (!_isWakeUpClosed)
                {
                    long one = 1;
                    _ = Libc.Write(_wakeUp, (byte*)&one, sizeof(long));
                }
            }
        }
    }

    private void Run()
    {
        // All that runs here lies below. Deeper than the margin nothing is taken for the loop's: it would only wake the loop for nothing.
        byte top;
        _stackLow = (nuint)(&top) - (StackSize - StackMargin);
        _stackLength = StackSize - StackMargin;
        byte* events = (byte*)NativeMemory.Alloc(MaxEvents, (nuint)EpollEvent.Size);
        while (!_ending)
        {
            TakeTurn(events);
        }

        EndAll();
        NativeMemory.Free(events);
        _ = Libc.Close(_epoll);
        lock (_wakeUpGate)
        {
            _isWakeUpClosed = true;
            _ = Libc.Close(_wakeUp);
        }

        _stackLength = 0; // the next thread's stack may lie here
    }

    // A method of its own: one that never returns would stay as the JIT first compiled it, but for its loops.
    private void TakeTurn(byte* events)
    {
        // What was postponed for others comes before their edges: those have had their turn.
        Turn++;
        RunPosted();
        int ready = Wait(events);
        for (int next = 0; next < ready; next += GroupSize)
        {
            RunGroup(events + (next * EpollEvent.Size), Math.Min(GroupSize, ready - next));
        }
    }

    // First all of the group receive, then what waits runs for one after the other, then their replies are sent: a core has no room for the code of all three,
    // the kernel's and ours, and would fetch it anew for each connection.
    private void RunGroup(byte* events, int count)
    {
        int next = 0;
        int ready = 0;
        int run = 0;
        while (next < count || run < ready)
        {
            // Entered once for all of them, and again after each that throws.
            try
            {
                while (next < count)
                {
                    byte* @event = events + (next++ * EpollEvent.Size);
                    ulong data = EpollEvent.Data(@event);
                    if (data != WakeUpData && _slots.Find(data) is { } item)
                    {
                        Begin(item);
                        if (item.OnEvents(EpollEvent.Events(@event)))
                        {
                            _group[ready++] = item;
                        }
                    }
                }

                _isDeferring = ready > 1; // of one alone there is nothing to save
                long began = Environment.TickCount64;
                while (run < ready)
                {
                    ILoopItem item = _group[run++];
                    Begin(item);
                    item.OnReady();
                    if (_isDeferring && Environment.TickCount64 != began)
                    {
                        // Handlers that take their time: no reply waits for all of them.
                        StopDeferring();
                    }
                }
            }
#pragma warning disable CA1031 // Whatever a continuation throws ends its connection, and no other.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Fail(Current!, e);
            }
        }

        StopDeferring();
        Array.Clear(_group, 0, ready);
    }

    private void StopDeferring()
    {
        _isDeferring = false;
        _deferred.SendAll();
    }

    private void Begin(ILoopItem item)
    {
        Current = item;
        Progress++;
    }

    private int Wait(byte* events)
    {
        int timeout = -1;
        Volatile.Write(ref _isAsleep, 1);
        Interlocked.MemoryBarrier();
        if (_firstPosted is not null || _ending)
        {
            timeout = 0;
        }

        Current = null;
        int ready = _wait(_epoll, events, MaxEvents, timeout);
        Volatile.Write(ref _isAsleep, 0);
        Watcher?.OnAwake();
        if (ready < 0 && ready != -(int)Errno.EINTR)
        {
            // EBADF, EFAULT, EINVAL: a bug of ours. Without its loop the process would hang in silence.
            Environment.FailFast($"epoll_wait failed with errno {-ready}.");
        }

        return ready;
    }

    private void RunPosted()
    {
        if (_firstPosted is null)
        {
            return;
        }

        ILoopItem? next;
        lock (_postedGate)
        {
            next = _firstPosted;
            _firstPosted = _lastPosted = null;
        }

        while (next is { } item)
        {
            // It may be posted again as soon as it runs.
            next = item.NextPosted;
            item.NextPosted = null;
            Begin(item);
            RunPosted(item);
        }
    }

    private void RunPosted(ILoopItem item)
    {
        try
        {
            item.OnPosted();
        }
#pragma warning disable CA1031 // As in TakeTurn.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Fail(item, e);
        }
    }

    private void Fail(ILoopItem item, Exception exception)
    {
        _logger.LogError(exception, "{Item}: what waited for it threw on the event loop; it is ended", item);
        item.OnFailed(exception);
    }

    private void EndAll()
    {
        var reason = new ObjectDisposedException(nameof(EpollTransportFactory), "The transport was disposed.");
        lock (_registerGate)
        {
            _takesNoMore = true;
        }

        foreach (ILoopItem item in _slots.Items())
        {
            try
            {
                item.OnLoopEnded(reason);
            }
#pragma warning disable CA1031 // As in TakeTurn.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _logger.LogError(e, "{Item}: what waited for it threw at the end of the event loop", item);
            }
        }

        // Those of which another thread was within a system call are posted when it returns; it does not block, so that is soon. Whoever takes
        // longer finds the thread pool in the loop's place.
        SpinWait.SpinUntil(
            () =>
            {
                RunPosted();
                return _slots.Items().Length == 0;
            },
            LongestEnd);
        lock (_postedGate)
        {
            _hasEnded = true;
            if (_firstPosted is not null)
            {
                RunByPool();
            }
        }
    }

    // Under the gate of what is posted. One worker for all: items count on it that nobody else looks after them meanwhile, when they close above all.
    private void RunByPool()
    {
        if (!_isRunByPool)
        {
            _isRunByPool = true;
            ThreadPool.UnsafeQueueUserWorkItem(static loop => loop.RunAllPosted(), this, preferLocal: false);
        }
    }

    private void RunAllPosted()
    {
        while (true)
        {
            RunPosted();
            lock (_postedGate)
            {
                if (_firstPosted is null)
                {
                    _isRunByPool = false;
                    return;
                }
            }
        }
    }

    private int Control(int descriptor, uint events, ulong data)
    {
        byte* @event = stackalloc byte[16];
        EpollEvent.Write(@event, events, data);
        return Libc.EpollControl(_epoll, Libc.EpollAdd, descriptor, @event) == 0 ? 0 : -Marshal.GetLastSystemError();
    }

    private static int Succeeded(int result, string call) =>
        result >= 0 ? result : throw new IOException($"{call} failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastSystemError())}");

    private static void CloseIfOpen(int descriptor)
    {
        if (descriptor >= 0)
        {
            _ = Libc.Close(descriptor);
        }
    }
}
