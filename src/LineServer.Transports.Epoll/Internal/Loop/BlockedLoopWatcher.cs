using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Finds blocked event loops. Code that blocks a loop stalls all of its connections.</summary>
/// <remarks>
/// Twice per threshold it checks whether each loop has begun something else. That costs the loops two stores
/// and no clock. The watcher has its own thread: a timer's callback would wake a thread-pool worker, which
/// spins before it sleeps again (docs/decisions/0005). While all loops wait, the watcher rests, so an idle
/// process stays asleep; the first loop to wake wakes it too.
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
    private volatile bool _isResting; // or about to rest
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

    /// <summary>
    /// Called by a loop that wakes, after <see cref="EventLoop.IsAwake"/> is true and before it runs
    /// anything.
    /// </summary>
    public void OnAwake()
    {
        if (_isResting)
        {
            // Clear first: a loop that reads false relies on a signal that is set or about to be.
            _isResting = false;
            _wake.Set();
        }
    }

    public void Dispose()
    {
        _isDisposed = true;
        _wake.Set();
    }

    /// <summary>Checks every loop once.</summary>
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
                // There is nowhere left to report it.
            }
        }
    }

    /// <summary>Waits until a loop wakes.</summary>
    /// <remarks>
    /// A loop writes that it is awake, then reads whether the watcher rests. The watcher writes that it
    /// rests, then reads whether all loops sleep. One of them is sure to see the other only with a barrier on
    /// both sides. To spare the loops a barrier at each wake-up, membarrier(2) issues one here for all
    /// threads of the process: a loop has either written before it, and is seen here, or reads after it, and
    /// sees that the watcher rests. <see cref="EventLoop.Current"/> would not do, because it is null for a
    /// moment after a loop has looked. A signal that comes too late for one rest ends the next at once, which
    /// costs one check.
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

        // Code that runs for the first time is compiled first. The JIT's time on any thread does not count
        // against the handler: that may delay a report, but never causes one for a cold start.
        // Nor does the time in which the thread waits for a core.
        look.Unchanged++;
        TimeSpan? waited = TimeWithoutCore(look.Loop.ThreadId);
        look.WaitedBefore ??= waited;
        TimeSpan blocked = (look.Unchanged * _period) - (JitInfo.GetCompilationTime() - look.CompiledBefore)
            - (waited - look.WaitedBefore ?? TimeSpan.Zero);
        if (!look.IsReported && blocked >= _threshold)
        {
            look.IsReported = true;
            OnBlocked(look.Loop, source, progress, isSure: waited is not null);
        }

        return false;
    }

    // The second number of schedstat: nanoseconds that the thread was ready to run and did not (proc(5)).
    private static TimeSpan? TimeWithoutCore(int threadId)
    {
        try
        {
            string[] numbers = File.ReadAllText($"/proc/self/task/{threadId}/schedstat").Split(' ');
            return TimeSpan.FromMicroseconds(long.Parse(numbers[1], CultureInfo.InvariantCulture) / 1000);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    // Where the kernel does not tell how long a thread waited for a core, a busy machine looks like a blocked loop: then it
    // is only reported.
    private void OnBlocked(EventLoop loop, IEventSource source, long progress, bool isSure)
    {
        var connection = source as ConnectionContext;
        object? handler = connection?.Features.Get<IEventLoopFeature>()?.Handler;
        bool hasMovedBefore = handler is IEventLoopHandler { RunsOnLoop: false };
        // Before the take-over: the next thread should not be blocked by the same handler.
        bool moves = isSure && !hasMovedBefore && handler is IEventLoopHandler movable && movable.OnBlocked();
        bool isTaken = isSure && loop.TryTakeOver(progress);
        _metrics.LoopHeld(isTaken);
        if (hasMovedBefore && isTaken)
        {
            return; // a connection that was busy when its handler moved
        }

        string consequence = (isTaken, moves) switch
        {
            (true, true) => "another thread runs the loop, and the handler runs on the thread pool from now on",
            (true, false) => "another thread runs the loop",
            (false, true) => "the handler runs on the thread pool from now on",
            _ => "code that blocks belongs on the thread pool",
        };
        // Log its name: a connection is enumerable (its features), and a logger would enumerate it.
        _logger.LogWarning(
            "the event loop is blocked for more than {Threshold} ms by {Connection} on {EndPoint} (handler {Handler}): {Consequence}",
            _threshold.TotalMilliseconds,
            source.ToString(),
            connection?.LocalEndPoint,
            handler,
            consequence);
    }

    private sealed class Look(EventLoop loop)
    {
        public EventLoop Loop { get; } = loop;

        public long Progress { get; private set; }

        public int Unchanged { get; set; }

        public TimeSpan CompiledBefore { get; private set; }

        /// <summary>The loop's time without a core when it was first seen unchanged.</summary>
        public TimeSpan? WaitedBefore { get; set; }

        public bool IsReported { get; set; }

        public void Begin(long progress)
        {
            Progress = progress;
            Unchanged = 0;
            IsReported = false;
            WaitedBefore = null;
            CompiledBefore = JitInfo.GetCompilationTime();
        }
    }
}
