using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Finds loops that are held: whoever blocks on a loop holds up all of its connections.</summary>
/// <remarks>
/// Looks several times per threshold whether a loop has begun something else; the loops pay two stores for that, and no clock. While all of them wait
/// it does not look at all, and an idle process stays asleep: the first to wake starts it again.
/// </remarks>
internal sealed class LoopWatcher : IDisposable
{
    private const int LooksPerThreshold = 4;

    private readonly ITimer _timer;
    private readonly TimeSpan _period;
    private readonly TimeSpan _threshold;
    private readonly TransportMetrics _metrics;
    private readonly ILogger _logger;
    private Look[] _looks = [];
    private volatile bool _isResting = true;

    public LoopWatcher(TimeSpan threshold, TimeProvider time, TransportMetrics metrics, ILogger logger)
    {
        _threshold = threshold;
        _period = threshold / LooksPerThreshold;
        _metrics = metrics;
        _logger = logger;
        _timer = time.CreateTimer(static watcher => ((LoopWatcher)watcher!).LookAtAll(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Watch(EventLoop[] loops)
    {
        _looks = [.. loops.Select(loop => new Look(loop))];
        foreach (EventLoop loop in loops)
        {
            loop.Watcher = this;
        }
    }

    /// <summary>From a loop that wakes.</summary>
    public void OnAwake()
    {
        if (_isResting)
        {
            _isResting = false;
            _timer.Change(_period, _period);
        }
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>What the timer does; a test's too.</summary>
    public void LookAtAll()
    {
        bool areAllWaiting = true;
        foreach (Look look in _looks)
        {
            areAllWaiting &= LookAt(look);
        }

        if (areAllWaiting)
        {
            // A loop that wakes between the look and this rests unwatched until it wakes again; what holds it longer is found then at the latest
            // by the next wake of another. So it is looked at once more.
            _isResting = true;
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            if (Array.Exists(_looks, look => look.Loop.Current is not null))
            {
                OnAwake();
            }
        }
    }

    /// <returns>True if the loop waits for edges.</returns>
    private bool LookAt(Look look)
    {
        long progress = look.Loop.Progress;
        ILoopItem? item = look.Loop.Current;
        if (item is null || progress != look.Progress)
        {
            look.Progress = progress;
            look.Unchanged = 0;
            return item is null;
        }

        if (++look.Unchanged == LooksPerThreshold)
        {
            _metrics.LoopHeld();
            ConnectionContext? connection = item as ConnectionContext;
            _logger.LogWarning(
                "an event loop is held for more than {Threshold} ms by {Connection} on {EndPoint} (handler {Handler}): whatever blocks belongs on the thread pool",
                _threshold.TotalMilliseconds, item, connection?.LocalEndPoint, connection?.Features.Get<ConnectionHandler>());
        }

        return false;
    }

    private sealed class Look(EventLoop loop)
    {
        public EventLoop Loop { get; } = loop;

        public long Progress { get; set; }

        public int Unchanged { get; set; }
    }
}
