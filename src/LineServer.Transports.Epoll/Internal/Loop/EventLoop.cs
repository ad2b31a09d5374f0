using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A thread that runs iterations: run posted sources, wait for edges, serve the sources of the edges in
/// groups.
/// </summary>
internal sealed unsafe class EventLoop
{
    /// <summary>
    /// How many connections are received from, handled and sent to together: docs/decisions/0005.
    /// </summary>
    public const int GroupSize = 8;

    // The size of the thread's stack, and the margin in it that IsCurrent ignores.
    private const int StackSize = 1536 * 1024;
    private const int StackMargin = 64 * 1024;

    // How long to wait for threads that are within a system call on a connection. Those calls do not block.
    private static readonly TimeSpan LongestLeave = TimeSpan.FromSeconds(1);

    // How long to wait for the loop to end. Code that blocks it may never return.
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(2);

    private readonly EpollInstance _epoll;
    private readonly PostQueue _posted;
    private readonly ReportLog _failures;
    private readonly Thread _thread;
    private readonly LoopBuffers _buffers = new();
    private readonly IEventSource[] _group = new IEventSource[GroupSize];
    private readonly PendingWrites _pending = new(GroupSize);
    private List<PostedItem> _atEnd = []; // runs at the end of this iteration
    private List<PostedItem> _ending = []; // runs now
    private bool _isDeferring; // true while the handlers of a group run
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
        _thread = new Thread(Run, StackSize) { IsBackground = true, Name = name };
        _thread.UnsafeStart();
    }

    /// <summary>
    /// How many bytes a connection may receive, and how many queued bytes it may send, in one iteration.
    /// </summary>
    public int ByteBudget { get; }

    /// <summary>Counts iterations. Only the loop's thread reads it.</summary>
    public int Iteration { get; private set; }

    /// <summary>True on the loop's thread.</summary>
    /// <remarks>
    /// Tested by the address of the stack, which no two threads share. It is asked a dozen times per read and
    /// costs two comparisons, where the current thread's id would cost a call into the runtime.
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

    /// <summary>Notified when the loop wakes; null if nobody watches.</summary>
    public BlockedLoopWatcher? Watcher { get; set; }

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
        if (!_thread.Join(LongestEnd))
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

    private void Run()
    {
        // Everything that runs on the loop has its frames below this one. Frames deeper than the margin do
        // not count as the loop's, which only costs a needless wake-up.
        byte top;
        _stackLow = (nuint)(&top) - (StackSize - StackMargin);
        _stackLength = StackSize - StackMargin;
        while (!_isEnding)
        {
            RunIteration();
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
        _posted.RunSources();
        RunItems();
        RunAtEnd();
        _epoll.BeginSleep();
        bool mayBlock = _posted.IsEmpty && _atEnd.Count == 0 && !_isEnding;
        Current = null;
        int ready = _epoll.Wait(mayBlock);
        Watcher?.OnAwake();
        for (int next = 0; next < ready; next += GroupSize)
        {
            RunGroup(next, Math.Min(next + GroupSize, ready));
        }
    }

    // All of the group receive, then all awaiters run, then all replies are sent. A core's caches do not hold
    // the code of all three, the kernel's and ours, and would fetch it anew for each connection.
    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown ends the connection that was served, and no other.")]
    private void RunGroup(int next, int end)
    {
        int ready = 0;
        int run = 0;
        while (next < end || run < ready)
        {
            // One try block serves the whole group; it is entered again after each exception.
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
        _isDeferring = ready > 1; // a single connection gains nothing
        long began = Environment.TickCount64;
        while (run < ready)
        {
            IEventSource source = _group[run++];
            Begin(source);
            source.OnReady();
            if (_isDeferring && Environment.TickCount64 != began)
            {
                // The handlers are slow: do not keep replies waiting for all of them.
                StopDeferring();
            }
        }
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

    // Code that posts more code runs on, until a tick of the clock (some milliseconds) lets edges have their turn.
    private void RunItems()
    {
        long began = Environment.TickCount64;
        while (_posted.RunItems() && Environment.TickCount64 == began)
        {
        }
    }

    private void RunAtEnd()
    {
        if (_atEnd.Count == 0)
        {
            return;
        }

        (_atEnd, _ending) = (_ending, _atEnd);
        foreach (PostedItem item in _ending)
        {
            RunItem(item);
        }

        _ending.Clear();
    }

    [SuppressMessage("Design", "CA1031", Justification = "As in RunGroup.")]
    private void RunItem(PostedItem item)
    {
        Begin(item.Source);
        try
        {
            item.Run();
        }
        catch (Exception e)
        {
            Fail(item.Source, e);
        }
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
