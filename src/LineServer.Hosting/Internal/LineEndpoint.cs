using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>The state that all connections of an endpoint share.</summary>
internal sealed class LineEndpoint
{
    private volatile StartOf _start;

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
        _start = handlers.NeverBlocks ? StartOf.Inline : StartOf.Unknown;
        Admission = new Admission(options.Limits, time, server);
        HasHandlerTimeout = options.Limits.HandlerTimeout is not null;
        Connections = new ConnectionTable(options.Limits, time, log);
        Budget = budget;
        budget?.Add(Connections);
    }

    // Unknown → Inline or OnPool, once.
    private enum StartOf
    {
        Unknown,
        Inline,
        OnPool,
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

    /// <summary>
    /// True if a connection may start on its event loop, because its handler never blocks.
    /// </summary>
    public bool StartsInline => _start == StartOf.Inline;

    /// <summary>
    /// Decides <see cref="StartsInline"/>, unless it is decided. Delegates never block; of other handlers the first
    /// that is created decides.
    /// </summary>
    public void DecideStart(bool neverBlocks)
    {
        if (_start == StartOf.Unknown)
        {
            // Two first connections may race: handlers of one endpoint are of one kind, and give one answer.
            _start = neverBlocks ? StartOf.Inline : StartOf.OnPool;
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
