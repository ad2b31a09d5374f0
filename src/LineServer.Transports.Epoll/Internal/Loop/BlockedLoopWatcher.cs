using System.Diagnostics.CodeAnalysis;
using System.Runtime;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Finds blocked event loops: code that blocks a loop holds up all of its connections.</summary>
/// <remarks>
/// Looks twice per threshold whether a loop has begun something else; the loops pay two stores for that, and no clock.
/// The watcher has a thread of its own: a timer's callback would wake a worker of the thread pool, which spins before it
/// sleeps again (docs/decisions/0005). While all loops wait the watcher rests, and an idle process stays asleep: the
/// first loop to wake ends the rest.
/// </remarks>
internal sealed class BlockedLoopWatcher : IDisposable
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

    public BlockedLoopWatcher(TimeSpan threshold, TransportMetrics metrics, ILogger logger)
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

    [SuppressMessage("Design", "CA1031", Justification = "A logger that throws must not end the process.")]
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
            catch (Exception)
            {
                // There is nobody to tell.
            }
        }
    }

    /// <summary>Returns when a loop has woken.</summary>
    /// <remarks>
    /// A loop writes that it is awake, then reads whether the watcher rests; the watcher writes that it rests, then reads
    /// whether all loops sleep. One of the two sees the other only if both have a barrier in between. The loops are
    /// spared theirs, which each wake-up would pay: the barrier here counts for all threads of the process
    /// (membarrier(2)). So a loop has either written before it, and is seen here, or reads after it, and sees the rest.
    /// <see cref="EventLoop.Current"/> would not do: it is null for a moment after a loop has looked. A signal that comes
    /// too late for one rest ends the next at once, which costs one look.
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
        IEventSource? source = look.Loop.Current;
        if (source is null || progress != look.Progress)
        {
            look.Begin(progress);
            return source is null;
        }

        // Code that runs for the first time is compiled first. The JIT's time, on whatever thread, is not held against
        // the handler: a report may come later for that, and never for a cold start.
        look.Unchanged++;
        TimeSpan blocked = (look.Unchanged * _period) - (JitInfo.GetCompilationTime() - look.CompiledBefore);
        if (!look.IsReported && blocked >= _threshold)
        {
            look.IsReported = true;
            Report(source);
        }

        return false;
    }

    private void Report(IEventSource source)
    {
        _metrics.LoopHeld();
        var connection = source as ConnectionContext;
        // By its name: a connection is an enumeration, of its features, which a logger would print.
        _logger.LogWarning(
            "the event loop is blocked for more than {Threshold} ms by {Connection} on {EndPoint} (handler {Handler}): code that blocks belongs on the thread pool",
            _threshold.TotalMilliseconds,
            source.ToString(),
            connection?.LocalEndPoint,
            connection?.Features.Get<IEventLoopFeature>()?.Handler);
    }

    private sealed class Look(EventLoop loop)
    {
        public EventLoop Loop { get; } = loop;

        public long Progress { get; private set; }

        public int Unchanged { get; set; }

        public TimeSpan CompiledBefore { get; private set; }

        public bool IsReported { get; set; }

        public void Begin(long progress)
        {
            Progress = progress;
            Unchanged = 0;
            IsReported = false;
            CompiledBefore = JitInfo.GetCompilationTime();
        }
    }
}
