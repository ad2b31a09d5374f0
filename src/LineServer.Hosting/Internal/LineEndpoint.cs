using LineServer.Connections;
using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>The state that all connections of an endpoint share.</summary>
internal sealed class LineEndpoint : IEventLoopHandler
{
    private volatile Placement _placement;

    public LineEndpoint(
        LineOptions options,
        HandlerSource handlers,
        LineMetrics metrics,
        TimeProvider time,
        EndpointLog log,
        Admission? server = null,
        BufferBudget? budget = null)
    {
        Options = options;
        Format = options.Format;
        Handlers = handlers;
        Metrics = metrics;
        Time = time;
        Log = log;
        _placement = options.Scheduling switch
        {
            HandlerScheduling.ThreadPool => Placement.ThreadPool,
            HandlerScheduling.Auto when !handlers.NeverBlocks => Placement.MayMove,
            _ => Placement.Pinned,
        };
        Admission = new Admission(options.Limits, time, server);
        HasHandlerTimeout = options.Limits.HandlerTimeout is not null;
        Connections = new ConnectionTable(options.Limits, time, log);
        Budget = budget;
        budget?.Add(Connections);
    }

    // MayMove → ThreadPool by a handler that has blocked; either → Pinned by the first that says that it never blocks.
    private enum Placement
    {
        /// <summary>On event loops until one of the handlers blocks.</summary>
        MayMove,

        /// <summary>On event loops for good.</summary>
        Pinned,

        /// <summary>On the thread pool for good.</summary>
        ThreadPool,
    }

    public LineOptions Options { get; }

    public LineLimits Limits => Options.Limits;

    public LineFormat Format { get; }

    /// <summary>Cached because every line asks for it.</summary>
    public bool HasHandlerTimeout { get; }

    public HandlerSource Handlers { get; }

    public LineMetrics Metrics { get; }

    public TimeProvider Time { get; }

    public EndpointLog Log { get; }

    public ConnectionTable Connections { get; }

    public Admission Admission { get; }

    /// <summary>Null under another host.</summary>
    public BufferBudget? Budget { get; }

    /// <inheritdoc/>
    public bool RunsOnLoop => _placement != Placement.ThreadPool;

    /// <inheritdoc/>
    public bool MayBlock => _placement != Placement.Pinned;

    /// <inheritdoc/>
    public bool OnBlocked() => Interlocked.CompareExchange(ref _placement, Placement.ThreadPool, Placement.MayMove) == Placement.MayMove;

    /// <summary>A handler says that it never blocks. Handlers of one endpoint are of one kind, and give one answer.</summary>
    public void Pin()
    {
        if (Options.Scheduling != HandlerScheduling.ThreadPool)
        {
            // Also if creating the first of them has blocked.
            _placement = Placement.Pinned;
        }
    }

    /// <summary>Releases what the endpoint holds. Call it after all connections have ended.</summary>
    public void Stop()
    {
        Connections.Stop();
        Budget?.Remove(Connections);
        Log.TellRest();
    }

    /// <summary>
    /// The name that a transport reports when this endpoint's handler blocks its event loop.
    /// </summary>
    public override string ToString() => Options.Name!;
}
