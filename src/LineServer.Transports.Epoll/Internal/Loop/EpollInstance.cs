using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>An epoll instance, the sources it watches, and the eventfd that wakes its loop.</summary>
/// <remarks>Any thread registers, unregisters and wakes; only the loop waits and closes.</remarks>
internal sealed unsafe class EpollInstance
{
    private const int MaxEvents = 512;
    private const ulong WakeUpData = ulong.MaxValue;

    private readonly delegate*<int, byte*, int, int, int> _wait;
    private readonly Slab _slab = new();
    private readonly Lock _registerGate = new();
    private readonly Lock _wakeUpGate = new();
    private readonly int _epoll = -1;
    private readonly int _wakeUp = -1; // an eventfd
    private readonly byte* _events;
    private bool _takesNoMore; // guarded by the registration lock
    private bool _isWakeUpClosed; // guarded by the wake-up lock
    private int _isAsleep;

    /// <param name="wait">epoll_wait.</param>
    /// <exception cref="IOException">No descriptor or memory is left.</exception>
    public EpollInstance(delegate*<int, byte*, int, int, int> wait)
    {
        _wait = wait;
        try
        {
            _epoll = Succeeded(Libc.EpollCreate(Libc.CloseOnExec), "epoll_create1");
            _wakeUp = Succeeded(Libc.EventDescriptor(0, Libc.CloseOnExec | Libc.NonBlocking), "eventfd");
            _ = Succeeded(Add(_wakeUp, EpollEvent.In, WakeUpData), "epoll_ctl");
            _events = (byte*)NativeMemory.Alloc(MaxEvents, (nuint)EpollEvent.Size);
        }
        catch
        {
            CloseIfOpen(_wakeUp);
            CloseIfOpen(_epoll);
            throw;
        }
    }

    /// <summary>True while sources are registered.</summary>
    public bool HasSources => !_slab.IsEmpty;

    /// <summary>
    /// False while the loop waits for edges. It is true slightly longer than the loop runs, at both ends.
    /// </summary>
    public bool IsAwake => Volatile.Read(ref _isAsleep) == 0;

    /// <summary>
    /// Watches a descriptor for <paramref name="events"/>, edge-triggered, until it is unregistered or
    /// closed.
    /// </summary>
    /// <param name="source">Receives the edges.</param>
    /// <param name="descriptor">The descriptor to watch.</param>
    /// <param name="events">The edges to watch for.</param>
    /// <param name="slot">A field of the source, which is set before the loop can end the source.</param>
    /// <returns>0, or −errno: out of memory, too many watches, or ECANCELED if the loop is ending.</returns>
    public int Register(IEventSource source, int descriptor, uint events, out int slot)
    {
        slot = -1;
        // Under the lock, because an ending loop ends its sources once and then closes its epoll instance: a
        // source must not slip in between, nor into an instance whose number was reused.
        lock (_registerGate)
        {
            if (_takesNoMore)
            {
                return -(int)Errno.ECANCELED;
            }

            // Take the slot first: an edge may come before epoll_ctl has returned.
            slot = _slab.Add(source, out ulong data);
            int error = Add(descriptor, events, data);
            if (error != 0)
            {
                _slab.Remove(slot);
            }

            return error;
        }
    }

    /// <summary>
    /// Removes a source whose descriptor is closed next. No other descriptor of ours shares its file, so the
    /// close also removes it from the epoll instance. (A child process may share it between fork and exec, and
    /// delay that.) An edge that is still under way finds no source.
    /// </summary>
    public void Unregister(int slot) => _slab.Remove(slot);

    /// <summary>
    /// Removes a source and its descriptor, whose file other descriptors may share, so that closing it is not
    /// enough.
    /// </summary>
    public void Unregister(int slot, int descriptor)
    {
        lock (_registerGate)
        {
            if (!_takesNoMore)
            {
                _ = Libc.EpollControl(_epoll, Libc.EpollDelete, descriptor, null);
            }
        }

        _slab.Remove(slot);
    }

    /// <summary>
    /// Call it before the loop checks for more work and then waits. Full fences here and in
    /// <see cref="WakeUp"/> make sure that either the loop sees what was posted, or the poster sees that the
    /// loop sleeps.
    /// </summary>
    public void BeginSleep()
    {
        Volatile.Write(ref _isAsleep, 1);
        Interlocked.MemoryBarrier();
    }

    /// <summary>Waits for edges.</summary>
    /// <param name="mayBlock">False: only takes edges that are there already.</param>
    /// <returns>The number of edges, and so the bound for <see cref="Event"/>.</returns>
    public int Wait(bool mayBlock)
    {
        int ready = _wait(_epoll, _events, MaxEvents, mayBlock ? -1 : 0);
        Volatile.Write(ref _isAsleep, 0);
        if (ready < 0 && ready != -(int)Errno.EINTR)
        {
            // EBADF, EFAULT, EINVAL: a bug of ours. Without this loop the process would hang silently.
            Environment.FailFast($"epoll_wait failed with errno {-ready}.");
        }

        return Math.Max(ready, 0);
    }

    /// <summary>
    /// The source of an edge; null for the eventfd, and for a source that has ended in the meantime.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IEventSource? Event(int index, out uint events)
    {
        byte* @event = _events + (index * EpollEvent.Size);
        events = EpollEvent.Events(@event);
        ulong data = EpollEvent.Data(@event);
        return data == WakeUpData ? null : _slab.Find(data);
    }

    /// <summary>Ends the wait, or else the next one. Thread-safe.</summary>
    /// <param name="force">Writes even if the loop seems to be awake.</param>
    public void WakeUp(bool force = false)
    {
        if (Interlocked.Exchange(ref _isAsleep, 0) == 0 && !force)
        {
            return;
        }

        // Under the lock, because the loop may end meanwhile, and its descriptor's number be reused: the
        // eight bytes would end up in someone's stream.
        lock (_wakeUpGate)
        {
            if (!_isWakeUpClosed)
            {
                long one = 1;
                _ = Libc.Write(_wakeUp, (byte*)&one, sizeof(long));
            }
        }
    }

    /// <summary>Refuses registrations from now on.</summary>
    public void TakeNoMore()
    {
        lock (_registerGate)
        {
            _takesNoMore = true;
        }
    }

    /// <summary>Calls <paramref name="visit"/> with each current source. Does not allocate.</summary>
    public void ForEachSource(Action<IEventSource> visit)
    {
        for (int slot = 0; slot < _slab.Length; slot++)
        {
            if (_slab.At(slot) is { } source)
            {
                visit(source);
            }
        }
    }

    /// <summary>
    /// Closes the epoll instance. The loop calls it after <see cref="TakeNoMore"/>, when it no longer waits.
    /// </summary>
    public void Close()
    {
        NativeMemory.Free(_events);
        _ = Libc.Close(_epoll);
        lock (_wakeUpGate)
        {
            _isWakeUpClosed = true;
            _ = Libc.Close(_wakeUp);
        }
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

    private int Add(int descriptor, uint events, ulong data)
    {
        byte* @event = stackalloc byte[16];
        EpollEvent.Write(@event, events | EpollEvent.EdgeTriggered, data);
        return Libc.EpollControl(_epoll, Libc.EpollAdd, descriptor, @event) == 0 ? 0 : -Marshal.GetLastSystemError();
    }
}
