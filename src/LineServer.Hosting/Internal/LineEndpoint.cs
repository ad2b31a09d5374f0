using System.Collections.Concurrent;
using LineServer.Framing;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>What the connections of an endpoint share.</summary>
internal sealed class LineEndpoint
{
    private readonly ConcurrentDictionary<Type, bool> _greeters = new();

    public LineEndpoint(LineOptions options, Func<LineHandlerBase> handlerFactory, LineMetrics metrics, TimeProvider time, ILogger logger, Admission? server, BufferBudget? budget)
    {
        Options = options;
        Format = options.Format;
        HandlerFactory = handlerFactory;
        Metrics = metrics;
        Time = time;
        Logger = logger;
        Admission = new Admission(options.Limits, time, server);
        Connections = new ConnectionTable(options.Limits, time, logger);
        Budget = budget;
        budget?.Add(Connections);
        OversizeLog = new BoundedRateLog(time);
        RejectedLog = new BoundedRateLog(time);
    }

    public LineOptions Options { get; }

    public LineLimits Limits => Options.Limits;

    public LineFormat Format { get; }

    public Func<LineHandlerBase> HandlerFactory { get; }

    public LineMetrics Metrics { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    public ConnectionTable Connections { get; }

    public Admission Admission { get; }

    /// <summary>Null under a foreign host.</summary>
    public BufferBudget? Budget { get; }

    /// <summary>
    /// True if a connection may start on its event loop: its handler never blocks. Known for delegates; of other handlers the first
    /// instance tells.
    /// </summary>
    public bool StartsInline { get; set; }

    public BoundedRateLog OversizeLog { get; }

    public BoundedRateLog RejectedLog { get; }

    /// <summary>All connections have ended.</summary>
    public void Stop()
    {
        Connections.Stop();
        Budget?.Remove(Connections);
    }

    /// <summary>Whether a handler has something to say or do before its first line. Few have, and the others' connections are spared what it takes.</summary>
    public bool IsGreeter(LineHandlerBase handler) => _greeters.GetOrAdd(
        handler.GetType(),
        static (_, first) => ((Func<LineOutput, CancellationToken, ValueTask>)first.OnConnectedAsync).Method.DeclaringType != typeof(LineHandlerBase),
        handler);
}
