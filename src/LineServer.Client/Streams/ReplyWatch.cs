namespace LineServer.Client.Streams;

/// <summary>
/// Notices that a server no longer answers: lines are outstanding, and nothing was heard for a while. A connection
/// without outstanding lines may be silent for ever.
/// </summary>
internal sealed class ReplyWatch : IDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeSpan _limit;
    private readonly TimeSpan _byeLimit;
    private readonly CancellationTokenSource _lost = new();
    private readonly ITimer _timer;
    private long _begun;
    private long _acknowledged;
    private bool _isComplete;

    /// <param name="count">The stream's durable lines.</param>
    /// <param name="timing">The limits, and the clock.</param>
    public ReplyWatch(long count, StreamTiming timing)
    {
        _begun = _acknowledged = count;
        _limit = timing.SilenceLimit;
        _byeLimit = timing.ByeLimit;
        _timer = timing.Time.CreateTimer(_ => _lost.Cancel(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Cancelled when the server has been silent for too long.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>The number of the stream's lines whose last byte was passed to a send.</summary>
    public long Begun
    {
        get
        {
            lock (_lock)
            {
                return _begun;
            }
        }
    }

    /// <summary>True once all lines were sent and are durable.</summary>
    public bool IsAllAcknowledged
    {
        get
        {
            lock (_lock)
            {
                return _isComplete && _acknowledged >= _begun;
            }
        }
    }

    /// <summary>Called before a send.</summary>
    public void Begins(long lines)
    {
        lock (_lock)
        {
            if (_acknowledged >= _begun && lines > _begun)
            {
                _timer.Change(_limit, Timeout.InfiniteTimeSpan);
            }

            _begun = lines;
        }
    }

    /// <summary>Called after the half-close.</summary>
    public void Completed()
    {
        lock (_lock)
        {
            _isComplete = true;
            Rearm();
        }
    }

    /// <summary>Called when anything was received.</summary>
    public void Heard()
    {
        lock (_lock)
        {
            Rearm();
        }
    }

    /// <summary>Called with the number of the stream's durable lines.</summary>
    public void Acknowledged(long lines)
    {
        lock (_lock)
        {
            _acknowledged = Math.Max(_acknowledged, lines);
            Rearm();
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        _lost.Dispose();
    }

    private void Rearm()
    {
        TimeSpan limit = _acknowledged < _begun ? _limit : _isComplete ? _byeLimit : Timeout.InfiniteTimeSpan;
        _timer.Change(limit, Timeout.InfiniteTimeSpan);
    }
}
