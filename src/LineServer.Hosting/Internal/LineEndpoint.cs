using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>What the connections of an endpoint share.</summary>
internal sealed class LineEndpoint
{
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
        StartsInline = handlers.NeverBlocks;
        Admission = new Admission(options.Limits, time, server);
        HasHandlerTimeout = options.Limits.HandlerTimeout is not null;
        Connections = new ConnectionTable(options.Limits, time, log);
        Budget = budget;
        budget?.Add(Connections);
    }

    public LineOptions Options { get; }

    public LineLimits Limits => Options.Limits;

    public LineFormat Format { get; }

    /// <summary>Asked for each line: <see cref="LineLimits.HandlerTimeout"/> costs nothing where there is none.</summary>
    public bool HasHandlerTimeout { get; }

    public HandlerSource Handlers { get; }

    public LineMetrics Metrics { get; }

    public TimeProvider Time { get; }

    public EndpointLog Log { get; }

    public ConnectionTable Connections { get; }

    public Admission Admission { get; }

    /// <summary>Null under a foreign host.</summary>
    public BufferBudget? Budget { get; }

    /// <summary>
    /// True if a connection may start on its event loop: its handler never blocks. Known for delegates; of other handlers the first
    /// instance tells.
    /// </summary>
    public bool StartsInline { get; set; }

    /// <summary>All connections have ended.</summary>
    public void Stop()
    {
        Connections.Stop();
        Budget?.Remove(Connections);
        Log.TellRest();
    }

    /// <summary>For a transport that names who blocks its event loop.</summary>
    public override string ToString() => Options.Name!;
}
