using System.Buffers;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A thread with an epoll instance: runs what was posted, waits for edges, hands them to their items. One such round is a turn.
/// </summary>
internal sealed unsafe class EventLoop
{
    private const int MaxEvents = 512;
    private const ulong WakeUpData = ulong.MaxValue;

    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(1);

    private readonly delegate*<int, byte*, int, int, int> _wait;
    private readonly ILogger _logger;
    private readonly int _epoll;
    private readonly int _wakeUp; // an eventfd
    private readonly Thread _thread;
    private readonly SlotTable _slots = new();
    private readonly LoopBuffers _buffers = new();
    private readonly Lock _postedGate = new();
    private readonly Lock _wakeUpGate = new();
    private readonly Lock _registerGate = new();
    private ILoopItem? _firstPosted;
    private ILoopItem? _lastPosted;
    private int _threadId;
    private int _isAsleep;
    private int _connectionCount;
    private volatile bool _ending;
    private bool _hasEnded; // under the gate
    private bool _isWakeUpClosed; // under its gate
    private bool _takesNoMore; // under its gate

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
        _epoll = Descriptor(Libc.EpollCreate(Libc.CloseOnExec), "epoll_create1");
        _wakeUp = Descriptor(Libc.EventDescriptor(0, Libc.CloseOnExec | Libc.NonBlocking), "eventfd");
        int error = Control(_wakeUp, EpollEvent.In | EpollEvent.EdgeTriggered, WakeUpData);
        Debug.Assert(error == 0, "a fresh eventfd can be watched");
        _thread = new Thread(Run) { IsBackground = true, Name = name };
        _thread.UnsafeStart();
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
    public bool IsCurrent => Environment.CurrentManagedThreadId == _threadId;

    /// <summary>Connections that were dealt to this loop and have not ended.</summary>
    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    /// <summary>Changes whenever the loop begins something else; with <see cref="Current"/>, what <see cref="LoopWatcher"/> looks at.</summary>
    public long Progress { get; private set; }

    /// <summary>What the loop runs now; null while it waits.</summary>
    public ILoopItem? Current { get; private set; }

    /// <summary>Told when the loop wakes; null where nobody watches.</summary>
    public LoopWatcher? Watcher { get; set; }

    public void CountConnection() => Interlocked.Increment(ref _connectionCount);

    public void UncountConnection() => Interlocked.Decrement(ref _connectionCount);

    /// <summary>Begins to watch a descriptor for <paramref name="events"/>, edge-triggered, once for all.</summary>
    /// <returns>0, or −errno: no memory, or too many watches; ECANCELED: the loop ends, and nobody would look after the item any more.</returns>
    public int Register(ILoopItem item, int descriptor, uint events, out int slot)
    {
        // The loop may end meanwhile: either its end sees the item, or this sees the end. And its epoll instance's number may be another's then.
        lock (_registerGate)
        {
            if (_takesNoMore)
            {
                slot = -1;
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
            if (_hasEnded)
            {
                // Who has just begun to await what the end of the loop has ended.
                ThreadPool.UnsafeQueueUserWorkItem(static it => it.Loop.RunPosted(it.Item), (Loop: this, Item: item), preferLocal: false);
                return;
            }

            if (_lastPosted is null)
            {
                _firstPosted = item;
            }
            else
            {
                _lastPosted.NextPosted = item;
            }

            _lastPosted = item;
        }

        WakeUp();
    }

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
        _threadId = Environment.CurrentManagedThreadId;
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

        _threadId = 0; // .NET gives the number to another thread
    }

    // A method of its own: one that never returns would stay as the JIT first compiled it, but for its loops.
    private void TakeTurn(byte* events)
    {
        // What was postponed for others comes before their edges: those have had their turn.
        Turn++;
        RunPosted();
        int ready = Wait(events);
        int next = 0;
        while (next < ready)
        {
            // Entered once for all events, and again after each that throws.
            try
            {
                while (next < ready)
                {
                    byte* @event = events + (next++ * EpollEvent.Size);
                    ulong data = EpollEvent.Data(@event);
                    if (data != WakeUpData && _slots.Find(data) is { } item)
                    {
                        Current = item;
                        Progress++;
                        item.OnEvents(EpollEvent.Events(@event));
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
            Current = item;
            Progress++;
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
        lock (_registerGate)
        {
            _takesNoMore = true;
        }

        var reason = new ObjectDisposedException(nameof(EpollTransportFactory), "The transport was disposed.");
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

        // Those of which another thread was within a system call are posted when it returns; it does not block, so that is soon.
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
        }

        RunPosted();
    }

    private int Control(int descriptor, uint events, ulong data)
    {
        byte* @event = stackalloc byte[16];
        EpollEvent.Write(@event, events, data);
        return Libc.EpollControl(_epoll, Libc.EpollAdd, descriptor, @event) == 0 ? 0 : -Marshal.GetLastSystemError();
    }

    private static int Descriptor(int descriptor, string call) =>
        descriptor >= 0 ? descriptor : throw new IOException($"{call} failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastSystemError())}");
}
