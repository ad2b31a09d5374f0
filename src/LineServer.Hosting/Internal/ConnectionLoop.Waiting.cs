namespace LineServer.Hosting.Internal;

/// <summary>How long the loop may wait for what: looked after by <see cref="ConnectionTable"/>.</summary>
internal sealed partial class ConnectionLoop
{
    private const int WaitBits = 3;

    // The deadline and what is waited for, in one word: the table's timer reads it at any moment.
    private long _watch;
    private long _lineDeadline;
    private long _readWaitEnded;
    private long _drainDeadline = long.MaxValue;

    /// <summary>Links of the table's list; under its lock.</summary>
    public ConnectionLoop? Next { get; set; }

    /// <inheritdoc cref="Next"/>
    public ConnectionLoop? Previous { get; set; }

    /// <summary>True if a wait has lasted too long at <paramref name="now"/>, on the table's clock.</summary>
    public bool IsLate(long now) => Volatile.Read(ref _watch) is var watch and not 0 && watch >> WaitBits <= now;

    /// <summary>True, once, if the connection should have been drained by <paramref name="now"/>.</summary>
    public bool TakeDrainLate(long now)
    {
        if (Volatile.Read(ref _drainDeadline) > now)
        {
            return false;
        }

        Volatile.Write(ref _drainDeadline, long.MaxValue);
        return true;
    }

    /// <summary>Ends a wait that has lasted too long, unless it has just ended by itself.</summary>
    public void OnLate()
    {
        long watch = Volatile.Read(ref _watch);
        if (watch == 0 || watch >> WaitBits > _endpoint.Connections.Now || Interlocked.CompareExchange(ref _watch, 0, watch) != watch)
        {
            return;
        }

        switch ((Wait)(watch & ((1 << WaitBits) - 1)))
        {
            case Wait.Line:
                RequestClose(CloseReason.LineTimeout);
                break;
            case Wait.Idle:
                RequestClose(CloseReason.IdleTimeout);
                break;
            case Wait.Send:
                Abort(CloseReason.SendTimeout);
                break;
        }
    }

    private void WatchRead()
    {
        ConnectionTable table = _endpoint.Connections;
        long idle = table.DeadlineAfter(_endpoint.Limits.IdleTimeout);
        if (_lines.HoldsPartialLine || _payloadNeeded > 0)
        {
            // Time in which nothing was read is not the client's.
            _lineDeadline = _lineDeadline switch
            {
                0 => table.DeadlineAfter(_endpoint.Limits.LineTimeout),
                long.MaxValue => long.MaxValue,
                long deadline => deadline + (table.Now - _readWaitEnded),
            };
            if (_lineDeadline <= idle)
            {
                Watch(Wait.Line, _lineDeadline);
                return;
            }
        }
        else
        {
            _lineDeadline = 0;
        }

        Watch(Wait.Idle, idle);
    }

    private void Watch(Wait wait, long deadline)
    {
        if (deadline != long.MaxValue)
        {
            Volatile.Write(ref _watch, (deadline << WaitBits) | (long)wait);
        }
    }

    private void EndWatch() => Volatile.Write(ref _watch, 0);

    private void EndWatchRead()
    {
        // A read that did not have to wait began no watch.
        if (Volatile.Read(ref _watch) != 0)
        {
            EndWatch();
            _readWaitEnded = _endpoint.Connections.Now;
        }
    }
}
