
namespace LineServer.Hosting.Internal;

/// <summary>
/// The connection loops of an endpoint, and the timer that ends waits past their deadline. One timer serves all
/// of them, so a line costs none: a loop only notes until when it waits, on a clock that the timer advances.
/// </summary>
internal sealed class ConnectionTable
{
    private readonly Lock _gate = new();
    private readonly LineLimits _limits;
    private readonly TimeProvider _time;
    private readonly EndpointLog _log;
    private readonly TimeSpan _interval;
    private readonly ITimer _timer;
    private LinkedItems<ConnectionLoop> _connections;
    private bool _isDraining;
    private long _now;
    private long _lastTick;

    public ConnectionTable(LineLimits limits, TimeProvider time, EndpointLog log)
    {
        _limits = limits;
        _time = time;
        _log = log;
        _interval = Resolution(limits);
        _timer = time.CreateTimer(static table => ((ConnectionTable)table!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// Milliseconds, from an arbitrary start, as of the last tick. A tick adds at most one interval: if ticks come
    /// late because the process was stopped, clients are not charged for time in which nobody could read.
    /// </summary>
    public long Now => Volatile.Read(ref _now);

    /// <summary>
    /// The deadline of a wait that begins now: never early, and at most two ticks late.
    /// </summary>
    public long DeadlineAfter(TimeSpan? timeout) =>
        timeout is { } span ? Now + (long)Math.Ceiling(span.TotalMilliseconds + _interval.TotalMilliseconds) : long.MaxValue;

    /// <summary>Adds a connection, whose deadlines are watched from now on.</summary>
    public void Add(ConnectionLoop connection)
    {
        bool isDraining;
        lock (_gate)
        {
            if (_connections.Count == 0)
            {
                _lastTick = RealTime;
                _timer.Change(_interval, _interval);
            }

            _connections.Add(connection);
            isDraining = _isDraining;
        }

        if (isDraining)
        {
            connection.BeginUntimedDrain();
        }
    }

    /// <summary>
    /// Drains the connections in the table, and those added later. The caller watches the time, and aborts
    /// those that have not ended in time: middleware may hold connections that are not in the table.
    /// </summary>
    public void BeginDrain()
    {
        lock (_gate)
        {
            _isDraining = true;
        }

        Array.ForEach(All(), static connection => connection.BeginUntimedDrain());
    }

    /// <summary>Aborts all connections.</summary>
    public void Abort(CloseReason reason) => Array.ForEach(All(), connection =>
    {
        if (reason == CloseReason.DrainTimeout)
        {
            connection.AbortDrain();
        }
        else
        {
            connection.Abort(reason);
        }
    });

    /// <summary>The endpoint has ended: stops the timer.</summary>
    public void Stop() => _timer.Dispose();

    public void Remove(ConnectionLoop connection)
    {
        lock (_gate)
        {
            _connections.Remove(connection);
            if (_connections.Count == 0)
            {
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>A snapshot of the connections.</summary>
    public ConnectionLoop[] All()
    {
        lock (_gate)
        {
            return _connections.ToArray();
        }
    }

    private void Tick()
    {
        try
        {
            EndLate();
        }
#pragma warning disable CA1031 // On a timer it would end the process. The next tick finds the same connections late.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _log.Fault(e, "checking deadlines");
        }
    }

    private void EndLate()
    {
        List<ConnectionLoop>? late = null;
        List<ConnectionLoop>? undrained = null;
        lock (_gate)
        {
            long real = RealTime;
            Volatile.Write(ref _now, _now + Math.Min(real - _lastTick, (long)_interval.TotalMilliseconds));
            _lastTick = real;
            foreach (ConnectionLoop connection in _connections)
            {
                if (connection.IsDrainLate(_now))
                {
                    (undrained ??= []).Add(connection);
                }
                else if (connection.IsLate(_now))
                {
                    (late ??= []).Add(connection);
                }
            }
        }

        // Outside the lock: closing may run the loop, which removes itself from the table.
        late?.ForEach(static connection => connection.OnLate());
        if (undrained is not null)
        {
            _log.DrainTimedOut(undrained.Count, _limits.DrainTimeout);
            undrained.ForEach(static connection => connection.AbortDrain());
        }
    }

    private long RealTime => (long)(_time.GetTimestamp() / (_time.TimestampFrequency / 1000.0));

    private static TimeSpan Resolution(LineLimits limits)
    {
        TimeSpan?[] timeouts =
        [
            limits.FirstLineTimeout, limits.IdleTimeout, limits.LineTimeout, limits.HandlerTimeout, limits.SendTimeout, limits.DrainTimeout,
        ];
        TimeSpan shortest = timeouts.Min() ?? TimeSpan.MaxValue;
        return TimeSpan.FromMilliseconds(Math.Clamp(Math.Floor(shortest.TotalMilliseconds / 8), 10, 1000));
    }
}
