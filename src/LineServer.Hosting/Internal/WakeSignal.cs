using System.Threading.Tasks.Sources;

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
/// </remarks>
internal class WakeSignal : IValueTaskSource
{
    private const int Idle = 0;
    private const int Waiting = 1;
    private const int Signaled = 2;

    // The waiter must not run within Set, or a push to a thousand connections would run a thousand loops.
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private int _state;

    public WakeSignal() => SetAction = Set;

    /// <summary>A cached delegate for <see cref="Set"/>.</summary>
    public Action SetAction { get; }

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
                    _core.SetResult(true);
                    return;
                case Idle when Interlocked.CompareExchange(ref _state, Signaled, Idle) == Idle:
                    return;
            }
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

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
