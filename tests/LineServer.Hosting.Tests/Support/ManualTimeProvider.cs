namespace LineServer.Hosting.Tests.Support;

/// <summary>
/// A clock that only the test advances. Timers run on the thread that advances it, in order, each at its
/// time.
/// </summary>
internal sealed class ManualTimeProvider : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private long _now = TimeSpan.TicksPerDay;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override DateTimeOffset GetUtcNow() => new(Volatile.Read(ref _now), TimeSpan.Zero);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    public int ActiveTimers
    {
        get
        {
            lock (_gate)
            {
                return _timers.Count;
            }
        }
    }

    public void Advance(TimeSpan by)
    {
        long until = GetTimestamp() + by.Ticks;
        while (true)
        {
            ManualTimer? next;
            lock (_gate)
            {
                next = _timers.Where(timer => timer.Due <= until).MinBy(timer => timer.Due);
                Volatile.Write(ref _now, next is null ? until : Math.Max(_now, next.Due));
                if (next is null)
                {
                    return;
                }

                next.Due += next.Period;
                if (next.Period == 0)
                {
                    _timers.Remove(next);
                }
            }

            next.Run();
        }
    }

    /// <summary>
    /// Makes the clock jump: a timer due in between is called once, late, as after a suspend of the machine.
    /// </summary>
    public void Jump(TimeSpan by)
    {
        List<ManualTimer> late;
        lock (_gate)
        {
            Volatile.Write(ref _now, _now + by.Ticks);
            late = [.. _timers.Where(timer => timer.Due <= _now)];
            foreach (ManualTimer timer in late)
            {
                timer.Due = _now + timer.Period;
            }

            _timers.RemoveAll(timer => timer.Period == 0 && late.Contains(timer));
        }

        late.ForEach(timer => timer.Run());
    }

    private sealed class ManualTimer(ManualTimeProvider time, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; set; }

        public long Period { get; private set; }

        public void Run() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                time._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = time._now + dueTime.Ticks;
                    Period = period > TimeSpan.Zero ? period.Ticks : 0;
                    time._timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
