using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>What the connections of an endpoint share.</summary>
internal sealed class LineEndpoint
{
    public LineEndpoint(LineOptions options, HandlerSource handlers, LineMetrics metrics, TimeProvider time, EndpointLog log)
    {
        Options = options;
        Format = options.Format;
        Handlers = handlers;
        Metrics = metrics;
        Time = time;
        Log = log;
        HasHandlerTimeout = options.Limits.HandlerTimeout is not null;
        Connections = new ConnectionTable(options.Limits, time, log);
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

    /// <summary>For a transport that names who blocks its event loop.</summary>
    public override string ToString() => Options.Name!;
}
