using System.Threading.Tasks.Sources;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Wakes one waiter. A set that nobody waits for is kept for the next wait. Any thread may set it, as often as it likes; one waits at a
/// time.
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

    // The waiter must not run within Set: who pushes to a thousand connections would run a thousand loops.
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private int _state;

    public WakeSignal() => SetAction = Set;

    /// <summary><see cref="Set"/>, as a delegate that is made once.</summary>
    public Action SetAction { get; }

    public void Set()
    {
        // What the waiter is to find was written before. Without the barrier, this could still see a Signaled that the waiter is taking
        // away, while the waiter does not see yet what was written.
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
