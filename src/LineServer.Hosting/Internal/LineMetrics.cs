using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace LineServer.Hosting.Internal;

/// <summary>The meter <c>LineServer.Hosting</c>. Counted once a read, not once a line.</summary>
internal sealed class LineMetrics
{
    public const string MeterName = "LineServer.Hosting";

    private readonly UpDownCounter<long> _activeConnections;
    private readonly Counter<long> _closedConnections;
    private readonly Counter<long> _lines;
    private readonly Counter<long> _oversizeLines;
    private readonly Counter<long> _incompleteLines;
    private readonly KeyValuePair<string, object?> _endpoint;

    public LineMetrics(IMeterFactory? factory, string endpoint)
    {
#pragma warning disable CA2000 // A meter lives as long as the process, or as the factory, which disposes of it.
        Meter meter = factory?.Create(MeterName) ?? new Meter(MeterName);
#pragma warning restore CA2000
        _endpoint = new("lineserver.endpoint", endpoint);
        _activeConnections = meter.CreateUpDownCounter<long>("lineserver.connections.active", "{connection}", "Connections that are open.");
        _closedConnections = meter.CreateCounter<long>("lineserver.connections.closed", "{connection}", "Connections that have ended, by reason.");
        _lines = meter.CreateCounter<long>("lineserver.lines", "{line}", "Lines given to handlers.");
        _oversizeLines = meter.CreateCounter<long>("lineserver.lines.oversize", "{line}", "Lines longer than the limit.");
        _incompleteLines = meter.CreateCounter<long>("lineserver.lines.incomplete", "{line}", "Bytes without a delimiter at the end of a stream.");
    }

    public void ConnectionOpened() => _activeConnections.Add(1, _endpoint);

    public void ConnectionClosed(CloseReason reason)
    {
        _activeConnections.Add(-1, _endpoint);
        var tags = new TagList { _endpoint, new("lineserver.close_reason", reason.ToString()) };
        _closedConnections.Add(1, tags);
    }

    public void ConnectionRefused(CloseReason reason) =>
        _closedConnections.Add(1, _endpoint, new("lineserver.close_reason", reason.ToString()));

    public void LinesGiven(int count)
    {
        if (count > 0)
        {
            _lines.Add(count, _endpoint);
        }
    }

    public void OversizeLines(long count) => _oversizeLines.Add(count, _endpoint);

    public void IncompleteLine() => _incompleteLines.Add(1, _endpoint);
}
