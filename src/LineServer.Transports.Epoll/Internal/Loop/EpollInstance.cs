using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>An epoll instance, the sources that it watches, and the eventfd that wakes its loop.</summary>
/// <remarks>Any thread registers, unregisters and wakes; the loop alone waits, and closes.</remarks>
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
    private bool _takesNoMore; // under the gate of registering
    private bool _isWakeUpClosed; // under its gate
    private int _isAsleep;

    /// <param name="wait">epoll_wait.</param>
    /// <exception cref="IOException">No descriptor is left, or no memory.</exception>
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

    /// <summary>False while the loop waits for edges. True a moment longer than that at either end.</summary>
    public bool IsAwake => Volatile.Read(ref _isAsleep) == 0;

    /// <summary>Watches a descriptor for <paramref name="events"/>, edge-triggered, once for all.</summary>
    /// <param name="source">Who is told of the edges.</param>
    /// <param name="descriptor">What is watched.</param>
    /// <param name="events">The edges.</param>
    /// <param name="slot">A field of the source: it is set before the loop can end the source.</param>
    /// <returns>0, or −errno: no memory, too many watches, or ECANCELED if the loop ends.</returns>
    public int Register(IEventSource source, int descriptor, uint events, out int slot)
    {
        slot = -1;
        // An ending loop has told all of its sources, or takes no more: none comes in between, nor to an epoll instance
        // whose number is another's by then.
        lock (_registerGate)
        {
            if (_takesNoMore)
            {
                return -(int)Errno.ECANCELED;
            }

            // The slot first: an edge may come before epoll_ctl has returned.
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
    /// Forgets a source whose descriptor is closed next, which the kernel then forgets: its file belongs to no other
    /// descriptor. An edge that is under way finds nobody.
    /// </summary>
    public void Unregister(int slot) => _slab.Remove(slot);

    /// <summary>Forgets a source and its descriptor, whose file other descriptors may share: closing one is not enough.</summary>
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
    /// Before the loop looks whether there is more to do, and then waits. Full fences on both sides, here and in
    /// <see cref="WakeUp"/>: either the loop sees what was posted, or the poster sees that the loop sleeps.
    /// </summary>
    public void BeginSleep()
    {
        Volatile.Write(ref _isAsleep, 1);
        Interlocked.MemoryBarrier();
    }

    /// <summary>Waits for edges.</summary>
    /// <param name="mayBlock">False: only takes the edges that are there.</param>
    /// <returns>How many: the indexes of <see cref="Event"/>.</returns>
    public int Wait(bool mayBlock)
    {
        int ready = _wait(_epoll, _events, MaxEvents, mayBlock ? -1 : 0);
        Volatile.Write(ref _isAsleep, 0);
        if (ready < 0 && ready != -(int)Errno.EINTR)
        {
            // EBADF, EFAULT, EINVAL: a bug of ours. Without its loop the process would hang in silence.
            Environment.FailFast($"epoll_wait failed with errno {-ready}.");
        }

        return Math.Max(ready, 0);
    }

    /// <summary>The source of an edge; null for the eventfd, and for a source that has ended meanwhile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IEventSource? Event(int index, out uint events)
    {
        byte* @event = _events + (index * EpollEvent.Size);
        events = EpollEvent.Events(@event);
        ulong data = EpollEvent.Data(@event);
        return data == WakeUpData ? null : _slab.Find(data);
    }

    /// <summary>From any thread: ends the wait, or the next one.</summary>
    /// <param name="force">Whether or not the loop seems to be awake.</param>
    public void WakeUp(bool force = false)
    {
        if (Interlocked.Exchange(ref _isAsleep, 0) == 0 && !force)
        {
            return;
        }

        // The loop may end meanwhile, and its descriptor's number be another's, who would find eight bytes in a stream.
        lock (_wakeUpGate)
        {
            if (!_isWakeUpClosed)
            {
                long one = 1;
                _ = Libc.Write(_wakeUp, (byte*)&one, sizeof(long));
            }
        }
    }

    /// <summary>From now on nothing can be registered.</summary>
    public void TakeNoMore()
    {
        lock (_registerGate)
        {
            _takesNoMore = true;
        }
    }

    /// <summary>Calls <paramref name="visit"/> with each source of this moment. Allocates nothing.</summary>
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

    /// <summary>After <see cref="TakeNoMore"/>, by the loop: nobody waits any more.</summary>
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
