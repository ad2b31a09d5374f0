using System.Runtime.InteropServices;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Until when the loop waits for what: on the clock of <see cref="ConnectionTable"/>, whose timer checks. One wait at a time has a
/// deadline, and a wait that ends costs no timer.
/// </summary>
/// <remarks>
/// The loop writes; the timer reads <c>_watch</c>, and takes it (a compare-exchange with none) when it is late. So a wait that has just
/// ended by itself is not timed out.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal struct Deadlines
{
    private const int WaitBits = 3;

    // The deadline and what is waited for, in one word, because the timer reads it at any moment. 0: no wait has a deadline.
    private long _watch;

    // While the loop reads: when the line must have ended. Otherwise: how much of its time the line has left, for time in which the
    // server does not read is not the client's. 0: no line has begun. MaxValue: no limit.
    private long _line;

    // MaxValue: the first line has come, or there is no limit.
    private long _firstLine = long.MaxValue;

    public Deadlines()
    {
    }

    /// <summary>True if a wait has lasted too long at <paramref name="now"/>. From any thread.</summary>
    public readonly bool IsLate(long now) => Volatile.Read(in _watch) is var watch and not 0 && watch >> WaitBits <= now;

    /// <summary>The wait that has lasted too long at <paramref name="now"/>; it is told once. From any thread.</summary>
    public Wait TakeLate(long now)
    {
        long watch = Volatile.Read(ref _watch);
        bool isLate = watch != 0 && watch >> WaitBits <= now && Interlocked.CompareExchange(ref _watch, 0, watch) == watch;
        return isLate ? (Wait)(watch & ((1 << WaitBits) - 1)) : Wait.None;
    }

    /// <summary>The connection begins to wait for its first line.</summary>
    public void BeginFirstLine(ConnectionTable table, LineLimits limits) => _firstLine = table.DeadlineAfter(limits.FirstLineTimeout);

    /// <summary>The loop waits for the client to send.</summary>
    public void WatchRead(ConnectionTable table, LineLimits limits, bool isWithinLine)
    {
        Wait wait = Wait.Idle;
        long deadline = table.DeadlineAfter(limits.IdleTimeout);
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

    /// <summary>The client sent something, or the loop was woken. A read that did not have to wait began no watch.</summary>
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

    /// <summary>The loop waits until <paramref name="deadline"/>; <see cref="long.MaxValue"/> is for ever.</summary>
    public void Watch(Wait wait, long deadline)
    {
        if (deadline != long.MaxValue)
        {
            Volatile.Write(ref _watch, (deadline << WaitBits) | (long)wait);
        }
    }

    public void EndWatch()
    {
        // A volatile write for each read costs more than to look.
        if (Volatile.Read(ref _watch) != 0)
        {
            Volatile.Write(ref _watch, 0);
        }
    }

    /// <summary>A line has ended: what is held now of the next one began in this read.</summary>
    public void EndLine()
    {
        _line = 0;
        _firstLine = long.MaxValue;
    }

    /// <summary>A payload has ended, whose time this was.</summary>
    public void EndPayload() => _line = 0;
}
