using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A thread that runs iterations: what was posted, then a wait for edges, then the sources of the edges, in groups.
/// </summary>
internal sealed unsafe class EventLoop
{
    /// <summary>Connections that are received from, handled and sent to together: docs/decisions/0005.</summary>
    public const int GroupSize = 8;

    // The thread's stack, and the margins at its ends that do not count as its own.
    private const int StackSize = 1536 * 1024;
    private const int StackMargin = 64 * 1024;

    // For threads that are within a system call on a connection: those calls do not block.
    private static readonly TimeSpan LongestLeave = TimeSpan.FromSeconds(1);

    // For the whole end. Code that blocks the loop may never return.
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(2);

    private readonly EpollInstance _epoll;
    private readonly PostQueue _posted;
    private readonly ReportLog _failures;
    private readonly Thread _thread;
    private readonly LoopBuffers _buffers = new();
    private readonly IEventSource[] _group = new IEventSource[GroupSize];
    private readonly PendingWrites _pending = new(GroupSize);
    private bool _isDeferring; // while the handlers of a group run
    private nuint _stackLow;
    private nuint _stackLength; // 0 while the thread does not run
    private int _connectionCount;
    private volatile bool _ending;

    /// <param name="name">The thread's name; Linux keeps the first 15 bytes.</param>
    /// <param name="epoll">The loop's own; the loop closes it.</param>
    /// <param name="readBudget"><see cref="EpollTransportOptions.ReadBudget"/>.</param>
    /// <param name="failures">Told of what must not happen.</param>
    /// <exception cref="IOException">No descriptor is left for a thread.</exception>
    public EventLoop(string name, EpollInstance epoll, int readBudget, ReportLog failures)
    {
        _epoll = epoll;
        ByteBudget = readBudget;
        _failures = failures;
        _posted = new PostQueue(RunPosted);
        DescriptorLimit.ThrowIfNoneForThread();
        _thread = new Thread(Run, StackSize) { IsBackground = true, Name = name };
        _thread.UnsafeStart();
    }

    /// <summary>Bytes that a connection may receive, and bytes that it may send, in one iteration.</summary>
    public int ByteBudget { get; }

    /// <summary>Counts iterations. The loop's thread alone reads it.</summary>
    public int Iteration { get; private set; }

    /// <summary>True on the loop's thread.</summary>
    /// <remarks>
    /// By where the stack lies, which no two threads share. It is asked a dozen times for each read: two comparisons,
    /// where the number of the current thread would be a call into the runtime.
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

    /// <summary>Changes whenever the loop begins something else. With <see cref="Current"/>, what <see cref="BlockedLoopWatcher"/> looks at.</summary>
    public long Progress { get; private set; }

    /// <summary>The source that the loop serves now; null while it waits.</summary>
    public IEventSource? Current { get; private set; }

    /// <summary>False while the loop waits for edges. Every source is served while it is true.</summary>
    public bool IsAwake => _epoll.IsAwake;

    /// <summary>Told when the loop wakes; null where nobody watches.</summary>
    public BlockedLoopWatcher? Watcher { get; set; }

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

    public void CountConnection() => Interlocked.Increment(ref _connectionCount);

    public void UncountConnection() => Interlocked.Decrement(ref _connectionCount);

    /// <inheritdoc cref="EpollInstance.Register"/>
    public int Register(IEventSource source, int descriptor, uint events, out int slot) =>
        _epoll.Register(source, descriptor, events, out slot);

    /// <inheritdoc cref="EpollInstance.Unregister(int)"/>
    public void Unregister(int slot) => _epoll.Unregister(slot);

    /// <inheritdoc cref="EpollInstance.Unregister(int, int)"/>
    public void Unregister(int slot, int descriptor) => _epoll.Unregister(slot, descriptor);

    /// <summary>Calls <see cref="IEventSource.OnPosted"/> before the loop waits again. A source must not be posted twice at a time.</summary>
    public void Post(IEventSource source)
    {
        if (_posted.Add(source) && !IsCurrent)
        {
            _epoll.WakeUp();
        }
    }

    /// <summary>Keeps bytes, and their array, until the others of the group have been handled. False: send them at once. From any thread.</summary>
    public bool TryDefer(IPendingWriter writer, byte[] array, int start, int end) =>
        _isDeferring && IsCurrent && _pending.TryAdd(writer, array, start, end);

    /// <summary>On the loop: sends what it keeps of one writer, for more follows.</summary>
    public void SendPending(IPendingWriter writer) => _pending.Send(writer);

    /// <summary>
    /// Ends the loop, and everything on it. Returns when the thread has ended; or, if code blocks the loop, after
    /// <see cref="LongestEnd"/>: the loop then ends when that code returns. Not on the loop's thread.
    /// </summary>
    public void End()
    {
        Debug.Assert(!IsCurrent, "a loop cannot wait for itself");
        RequestEnd();
        if (!_thread.Join(LongestEnd))
        {
            _failures.Write(
                LogLevel.Error, null, "an event loop does not end: {Source} has blocked it for {Seconds} s", Current, LongestEnd.TotalSeconds);
        }
    }

    /// <summary>Begins the end, and does not wait for it.</summary>
    public void RequestEnd()
    {
        _ending = true;
        _epoll.WakeUp(force: true); // the loop may be about to sleep
    }

    private void Run()
    {
        // All that runs here lies below. Deeper than the margin nothing counts as the loop's: that only wakes it in vain.
        byte top;
        _stackLow = (nuint)(&top) - (StackSize - StackMargin);
        _stackLength = StackSize - StackMargin;
        while (!_ending)
        {
            RunIteration();
        }

        EndAll();
        _epoll.Close();
        _stackLength = 0; // the next thread's stack may lie here
    }

    // A method of its own: one that never returns would stay as the JIT first compiled it, but for its loops.
    private void RunIteration()
    {
        // What was postponed for others comes before their edges: those have had their turn.
        Iteration++;
        _posted.RunAll();
        _epoll.BeginSleep();
        bool mayBlock = _posted.IsEmpty && !_ending;
        Current = null;
        int ready = _epoll.Wait(mayBlock);
        Watcher?.OnAwake();
        for (int next = 0; next < ready; next += GroupSize)
        {
            RunGroup(next, Math.Min(next + GroupSize, ready));
        }
    }

    // First all of the group receive, then the awaiters run one after the other, then their replies are sent: a core has
    // no room for the code of all three, the kernel's and ours, and would fetch it anew for each connection.
    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown ends the connection that was served, and no other.")]
    private void RunGroup(int next, int end)
    {
        int ready = 0;
        int run = 0;
        while (next < end || run < ready)
        {
            // Entered once for all of them, and again after each that throws.
            try
            {
                ReceiveAll(ref next, end, ref ready);
                RunReady(ref run, ready);
            }
            catch (Exception e)
            {
                Fail(Current!, e);
            }
        }

        StopDeferring();
        Array.Clear(_group, 0, ready);
    }

    private void ReceiveAll(ref int next, int end, ref int ready)
    {
        while (next < end)
        {
            if (_epoll.Event(next++, out uint events) is { } source)
            {
                Begin(source);
                switch (source.OnEvents(events))
                {
                    case Readiness.InGroup:
                        _group[ready++] = source;
                        break;
                    case Readiness.AtOnce:
                        source.OnReady();
                        break;
                }
            }
        }
    }

    private void RunReady(ref int run, int ready)
    {
        _isDeferring = ready > 1; // for one alone there is nothing to save
        long began = Environment.TickCount64;
        while (run < ready)
        {
            IEventSource source = _group[run++];
            Begin(source);
            source.OnReady();
            if (_isDeferring && Environment.TickCount64 != began)
            {
                // Handlers that take their time: no reply waits for all of them.
                StopDeferring();
            }
        }
    }

    // Does not throw: each writer sees to its own failure.
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

    [SuppressMessage("Design", "CA1031", Justification = "As in RunGroup.")]
    private void RunPosted(IEventSource source)
    {
        Begin(source);
        try
        {
            source.OnPosted();
        }
        catch (Exception e)
        {
            Fail(source, e);
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "What reports a failure cannot fail.")]
    private void Fail(IEventSource source, Exception exception)
    {
        source.OnFailed(exception);
        try
        {
            _failures.Write(LogLevel.Error, exception, "{Source}: its awaiter threw on the event loop; it is ended", source);
        }
        catch (Exception)
        {
            // No memory for the report.
        }
    }

    private void EndAll()
    {
        var reason = new ObjectDisposedException(nameof(EpollTransportFactory), "The transport was disposed.");
        _epoll.TakeNoMore();
        _epoll.ForEachSource(source => EndSource(source, reason));

        // A connection that another thread uses is posted when that thread leaves. Whoever takes longer finds the thread
        // pool in the loop's place.
        SpinWait.SpinUntil(
            () =>
            {
                _posted.RunAll();
                return !_epoll.HasSources;
            },
            LongestLeave);
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
