using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The meter <c>LineServer.Hosting</c>. Lines are counted once per read, not once per line. A listener that
/// throws loses its measurement; the connection is not affected.
/// </summary>
internal sealed class LineMetrics
{
    public const string MeterName = "LineServer.Hosting";

    private readonly UpDownCounter<long> _activeConnections;
    private readonly Counter<long> _closedConnections;
    private readonly Counter<long> _lines;
    private readonly Counter<long> _oversizeLines;
    private readonly Counter<long> _incompleteLines;
    private readonly Counter<long> _malformedLines;
    private readonly KeyValuePair<string, object?> _endpoint;

    public LineMetrics(IMeterFactory? factory, string endpoint)
    {
#pragma warning disable CA2000 // A meter lives as long as the process, or as the factory, which disposes it.
        Meter meter = factory?.Create(MeterName) ?? new Meter(MeterName);
#pragma warning restore CA2000
        _endpoint = new("lineserver.endpoint", endpoint);
        _activeConnections = meter.CreateUpDownCounter<long>("lineserver.connections.active", "{connection}", "Connections that are open.");
        _closedConnections = meter.CreateCounter<long>("lineserver.connections.closed", "{connection}", "Connections that have ended, by reason.");
        _lines = meter.CreateCounter<long>("lineserver.lines", "{line}", "Lines given to handlers.");
        _oversizeLines = meter.CreateCounter<long>("lineserver.lines.oversize", "{line}", "Lines longer than the limit.");
        _incompleteLines = meter.CreateCounter<long>("lineserver.lines.incomplete", "{line}", "Bytes without a delimiter at the end of a stream.");
        _malformedLines = meter.CreateCounter<long>("lineserver.lines.malformed", "{line}", "Messages without a valid count.");
    }

    public void ConnectionOpened()
    {
        try
        {
            _activeConnections.Add(1, _endpoint);
        }
#pragma warning disable CA1031 // A listener of the application may throw anything.
        catch (Exception)
#pragma warning restore CA1031
        {
            // The measurement is lost.
        }
    }

    public void ConnectionClosed(CloseReason reason)
    {
        try
        {
            _activeConnections.Add(-1, _endpoint);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception)
#pragma warning restore CA1031
        {
            // As above.
        }

        CountClosed(reason);
    }

    /// <summary>Counts a refused connection, which never was an open one.</summary>
    public void ConnectionRefused(CloseReason reason) => CountClosed(reason);

    public void LinesGiven(int count)
    {
        // Runs for each read; without a listener there is nothing to guard.
        if (count > 0 && _lines.Enabled)
        {
            Count(_lines, count);
        }
    }

    public void OversizeLines(long count) => Count(_oversizeLines, count);

    public void IncompleteLine() => Count(_incompleteLines, 1);

    public void MalformedLine() => Count(_malformedLines, 1);

    private void CountClosed(CloseReason reason)
    {
        try
        {
            var tags = new TagList { _endpoint, new("lineserver.close_reason", reason.ToString()) };
            _closedConnections.Add(1, tags);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception)
#pragma warning restore CA1031
        {
            // As above.
        }
    }

    private void Count(Counter<long> counter, long count)
    {
        try
        {
            counter.Add(count, _endpoint);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception)
#pragma warning restore CA1031
        {
            // As above.
        }
    }
}
