using System.Runtime.InteropServices;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The deadline of the loop's current wait, on the clock of <see cref="ConnectionTable"/>, whose timer checks
/// it. Only one wait at a time has a deadline, so a wait needs no timer of its own.
/// </summary>
/// <remarks>
/// The loop writes <c>_watch</c>. The timer reads it and, if it is late, clears it with a compare-exchange.
/// So a wait that has just completed does not time out.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal struct Deadlines
{
    private const int WaitBits = 3;

    // The deadline and the kind of wait share one word, because the timer may read it at any moment. 0: no
    // deadline.
    private long _watch;

    // While the loop reads: the deadline of the current line. Otherwise: the time that the line has left,
    // since time in which the server does not read does not count. 0: no line has begun. MaxValue: no limit.
    private long _line;

    // MaxValue: the first line has arrived, or there is no limit.
    private long _firstLine = long.MaxValue;

    public Deadlines()
    {
    }

    /// <summary>
    /// True if the current wait has passed its deadline at <paramref name="now"/>. Thread-safe.
    /// </summary>
    public readonly bool IsLate(long now) => Volatile.Read(in _watch) is var watch and not 0 && watch >> WaitBits <= now;

    /// <summary>
    /// Takes the wait that has passed its deadline at <paramref name="now"/>; returns each wait once.
    /// Thread-safe.
    /// </summary>
    public Wait TakeLate(long now)
    {
        long watch = Volatile.Read(ref _watch);
        bool isLate = watch != 0 && watch >> WaitBits <= now && Interlocked.CompareExchange(ref _watch, 0, watch) == watch;
        return isLate ? (Wait)(watch & ((1 << WaitBits) - 1)) : Wait.None;
    }

    /// <summary>The time for the first line begins.</summary>
    public void BeginFirstLine(ConnectionTable table, LineLimits limits) => _firstLine = table.DeadlineAfter(limits.FirstLineTimeout);

    /// <summary>The loop begins to wait for the client to send.</summary>
    public void WatchRead(ConnectionTable table, LineLimits limits, bool isWithinLine) =>
        WatchRead(table, limits, isWithinLine, Wait.Idle, table.DeadlineAfter(limits.IdleTimeout));

    /// <summary>The same while lines are pending, whose handler has time until <paramref name="handlerDeadline"/>.</summary>
    public void WatchRead(ConnectionTable table, LineLimits limits, bool isWithinLine, long handlerDeadline) =>
        WatchRead(table, limits, isWithinLine, Wait.Handler, handlerDeadline);

    private void WatchRead(ConnectionTable table, LineLimits limits, bool isWithinLine, Wait wait, long deadline)
    {
        if (isWithinLine)
        {
            _line = _line switch
            {
                0 => table.DeadlineAfter(limits.LineTimeout),
                long.MaxValue => long.MaxValue,
                long left => table.Now + left,
            };
            if (_line <= deadline)
            {
                (wait, deadline) = (Wait.Line, _line);
            }
        }
        else
        {
            _line = 0;
        }

        if (_firstLine < deadline)
        {
            (wait, deadline) = (Wait.FirstLine, _firstLine);
        }

        Watch(wait, deadline);
    }

    /// <summary>
    /// The read completed, or the loop was woken. A read that completed at once set no deadline.
    /// </summary>
    public void EndWatchRead(ConnectionTable table)
    {
        if (Volatile.Read(ref _watch) == 0)
        {
            return;
        }

        EndWatch();
        if (_line is not 0 and not long.MaxValue)
        {
            _line = Math.Max(_line - table.Now, 1);
        }
    }

    /// <summary>
    /// The loop begins to wait until <paramref name="deadline"/>; <see cref="long.MaxValue"/> means no limit.
    /// </summary>
    public void Watch(Wait wait, long deadline)
    {
        if (deadline != long.MaxValue)
        {
            Volatile.Write(ref _watch, (deadline << WaitBits) | (long)wait);
        }
    }

    public void EndWatch()
    {
        // Looking first is cheaper than a volatile write for each read.
        if (Volatile.Read(ref _watch) != 0)
        {
            Volatile.Write(ref _watch, 0);
        }
    }

    /// <summary>A line has ended; the partial line held now began in this read.</summary>
    public void EndLine()
    {
        _line = 0;
        _firstLine = long.MaxValue;
    }

    /// <summary>A payload is complete, so its time no longer runs.</summary>
    public void EndPayload() => _line = 0;
}
