using System.Threading.Tasks.Sources;
using LineServer.Connections;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Wakes one waiter. A set without a waiter is kept for the next wait. Any thread may set it, any number of
/// times; only one may wait.
/// </summary>
/// <remarks>
/// <code>
///            Set                  Wait
/// Idle     → Signaled             → Waiting
/// Waiting  → Idle, waiter runs    (never: one waiter)
/// Signaled → Signaled             → Idle, no wait
/// </code>
/// TryTakeWaiter makes Waiting Idle without running the waiter; PutWaiterBack makes it Waiting again, or runs the waiter if
/// it is Signaled by then.
/// </remarks>
internal class WakeSignal : IValueTaskSource, IThreadPoolWorkItem
{
    private const int Idle = 0;
    private const int Waiting = 1;
    private const int Signaled = 2;

    private ManualResetValueTaskSourceCore<bool> _core;
    private int _state;

    /// <summary>True while the waiter waits.</summary>
    protected bool IsWaiting => Volatile.Read(ref _state) == Waiting;

    /// <summary>Where the waiter runs; null for the thread pool.</summary>
    protected virtual IEventLoopFeature? EventLoop => null;

    public void Set()
    {
        // The caller wrote what the waiter should find before this call. Without the barrier, this could
        // still see a Signaled that the waiter is just clearing, while the waiter does not yet see the write.
        Interlocked.MemoryBarrier();
        while (true)
        {
            int state = Volatile.Read(ref _state);
            switch (state)
            {
                case Signaled:
                    return;
                case Waiting when Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting:
                    Schedule();
                    return;
                case Idle when Interlocked.CompareExchange(ref _state, Signaled, Idle) == Idle:
                    return;
            }
        }
    }

    /// <summary>Runs the waiter within the call, if somebody waits.</summary>
    public void TryRunWaiter()
    {
        if (TryTakeWaiter())
        {
            RunTakenWaiter();
        }
    }

    public ValueTask WaitAsync()
    {
        _core.Reset();
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) == Idle)
        {
            return new ValueTask(this, _core.Version);
        }

        Interlocked.Exchange(ref _state, Idle);
        return default;
    }

    /// <summary>
    /// Waiting → Idle, and nobody else runs the waiter. Returns false if nobody waits; otherwise
    /// <see cref="RunTakenWaiter"/> or <see cref="PutWaiterBack"/> must follow.
    /// </summary>
    protected bool TryTakeWaiter() =>
        Volatile.Read(ref _state) == Waiting && Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting;

    protected void RunTakenWaiter() => _core.SetResult(true);

    /// <summary>The waiter waits on. If the signal was set meanwhile, the waiter runs within the call.</summary>
    protected void PutWaiterBack()
    {
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) != Idle)
        {
            Volatile.Write(ref _state, Idle);
            RunTakenWaiter();
        }
    }

    void IThreadPoolWorkItem.Execute() => RunTakenWaiter();

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    // The waiter must not run within Set, or a push to a thousand connections would run a thousand loops.
    private void Schedule()
    {
        if (EventLoop is { } eventLoop)
        {
            eventLoop.Post(this);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        }
    }
}
