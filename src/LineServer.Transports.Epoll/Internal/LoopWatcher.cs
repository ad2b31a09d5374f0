using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Finds loops that are held: whoever blocks on a loop holds up all of its connections.</summary>
/// <remarks>
/// Looks twice per threshold whether a loop has begun something else; the loops pay two stores for that, and no clock. It has a thread of its own:
/// a timer's callback would wake a worker of the thread pool, which spins before it sleeps again (docs/decisions/0005). While all loops
/// wait it does not look at all, and an idle process stays asleep: the first to wake starts it again.
/// </remarks>
internal sealed class LoopWatcher : IDisposable
{
    private const int LooksPerThreshold = 2;
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMilliseconds(1);

    // Never disposed: a loop may be about to set it.
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly TimeSpan _period;
    private readonly TimeSpan _threshold;
    private readonly TransportMetrics _metrics;
    private readonly ILogger _logger;
    private Look[] _looks = [];
    private volatile bool _isResting; // or about to
    private volatile bool _isDisposed;

    public LoopWatcher(TimeSpan threshold, TransportMetrics metrics, ILogger logger)
    {
        _threshold = threshold;
        _period = threshold / LooksPerThreshold > ShortestPeriod ? threshold / LooksPerThreshold : ShortestPeriod;
        _metrics = metrics;
        _logger = logger;
    }

    public void Watch(EventLoop[] loops)
    {
        DescriptorLimit.ThrowIfNoneForThread();
        _looks = [.. loops.Select(loop => new Look(loop))];
        foreach (EventLoop loop in loops)
        {
            loop.Watcher = this;
        }

        new Thread(Run) { IsBackground = true, Name = "epoll-watch" }.UnsafeStart();
    }

    /// <summary>From a loop that wakes, after it has said so (<see cref="EventLoop.IsAwake"/>) and before it runs anything.</summary>
    public void OnAwake()
    {
        if (_isResting)
        {
            // In this order: whoever sees that nobody rests can rely on the signal, which is there or about to be.
            _isResting = false;
            _wake.Set();
        }
    }

    public void Dispose()
    {
        _isDisposed = true;
        _wake.Set();
    }

    /// <summary>One look at every loop.</summary>
    /// <returns>True if all of them wait for edges.</returns>
    public bool LookAtAll()
    {
        bool areAllWaiting = true;
        foreach (Look look in _looks)
        {
            areAllWaiting &= LookAt(look);
        }

        return areAllWaiting;
    }

    private void Run()
    {
        while (!_isDisposed)
        {
            Thread.Sleep(_period);
            try
            {
                if (LookAtAll())
                {
                    Rest();
                }
            }
#pragma warning disable CA1031 // A logger that throws must not end the process.
            catch (Exception)
#pragma warning restore CA1031
            {
                // There is nobody to tell.
            }
        }
    }

    /// <summary>Returns when a loop has woken.</summary>
    /// <remarks>
    /// A loop writes that it is awake, then reads whether this rests; this writes that it rests, then reads whether all loops sleep. Of two such, one sees the
    /// other only if both have a barrier in between. The loops are spared theirs, which each wake-up would pay: the barrier here counts for all
    /// threads of the process (membarrier(2)). So a loop has either written before it, and is seen here, or reads after it, and sees that this rests.
    /// <see cref="EventLoop.Current"/> would not do: it is null for a moment after a loop has looked.
    /// A signal that comes too late for one rest ends the next at once, which costs one look.
    /// </remarks>
    private void Rest()
    {
        _isResting = true;
        Interlocked.MemoryBarrierProcessWide();
        if (!Array.Exists(_looks, look => look.Loop.IsAwake))
        {
            _wake.WaitOne();
        }

        _isResting = false;
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
            var connection = item as ConnectionContext;
            _logger.LogWarning(
                "an event loop is held for more than {Threshold} ms by {Connection} on {EndPoint} (handler {Handler}): what blocks belongs on the thread pool",
                _threshold.TotalMilliseconds, item, connection?.LocalEndPoint, connection?.Features.Get<IEventLoopFeature>()?.Handler);
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
