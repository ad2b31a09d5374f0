
namespace LineServer.Hosting.Internal;

/// <summary>
/// The connections of an endpoint: how many there are, and what each is waiting for. One timer looks after all of them, so that a line
/// costs no timer: a connection only notes until when it waits, on a clock that the timer sets.
/// </summary>
internal sealed class ConnectionTable
{
    private readonly Lock _gate = new();
    private readonly LineLimits _limits;
    private readonly TimeProvider _time;
    private readonly EndpointLog _log;
    private readonly TimeSpan _interval;
    private readonly ITimer _timer;
    private ConnectionLoop? _first;
    private int _count;
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
    /// Milliseconds, from an arbitrary start, as of the last tick. A tick adds one interval at most: when ticks come late, because the process
    /// was held up, the time in which nobody could read is not the clients'.
    /// </summary>
    public long Now => Volatile.Read(ref _now);

    /// <summary>When a wait that begins now has lasted <paramref name="timeout"/>: never early, and at most two ticks late.</summary>
    public long DeadlineAfter(TimeSpan? timeout) =>
        timeout is { } span ? Now + (long)Math.Ceiling(span.TotalMilliseconds + _interval.TotalMilliseconds) : long.MaxValue;

    /// <summary>Adds a connection, which is then looked after.</summary>
    public void Add(ConnectionLoop connection)
    {
        bool isDraining;
        lock (_gate)
        {
            if (_count++ == 0)
            {
                _lastTick = RealTime;
                _timer.Change(_interval, _interval);
            }

            connection.Next = _first;
            if (_first is not null)
            {
                _first.Previous = connection;
            }

            _first = connection;
            isDraining = _isDraining;
        }

        if (isDraining)
        {
            connection.BeginDrain();
        }
    }

    /// <summary>Drains the connections that there are, and those that come.</summary>
    public void BeginDrain()
    {
        lock (_gate)
        {
            _isDraining = true;
        }

        Array.ForEach(All(), static connection => connection.BeginDrain());
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

    /// <summary>The endpoint has ended: no tick comes any more.</summary>
    public void Stop() => _timer.Dispose();

    public void Remove(ConnectionLoop connection)
    {
        lock (_gate)
        {
            if (connection.Previous is null)
            {
                _first = connection.Next;
            }
            else
            {
                connection.Previous.Next = connection.Next;
            }

            if (connection.Next is not null)
            {
                connection.Next.Previous = connection.Previous;
            }

            connection.Next = connection.Previous = null;
            if (--_count == 0)
            {
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>The connections at this moment.</summary>
    public ConnectionLoop[] All()
    {
        lock (_gate)
        {
            var all = new ConnectionLoop[_count];
            int count = 0;
            for (ConnectionLoop? connection = _first; connection is not null; connection = connection.Next)
            {
                all[count++] = connection;
            }

            return all;
        }
    }

    private void Tick()
    {
        try
        {
            EndLate();
        }
#pragma warning disable CA1031 // On a timer: no memory for a list is no reason to end the process. The next tick finds the same.
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
            for (ConnectionLoop? connection = _first; connection is not null; connection = connection.Next)
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

        // Outside the lock: closing may run the connection's loop, which removes it from here.
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
