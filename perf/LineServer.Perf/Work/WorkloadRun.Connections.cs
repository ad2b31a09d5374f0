using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <content>
/// Work other than lines and replies on long connections: lines without replies, and short connections.
/// </content>
internal sealed partial class WorkloadRun
{
    // Each has 28,232 ports, which Linux reuses after a second on loopback: enough for 400,000 connections a
    // second.
    private const int ChurnSources = 16;

    private Measurement MeasureIngest(Workload workload)
    {
        if (WarmUp > TimeSpan.Zero)
        {
            _ = SendOneWay(workload, WarmUp);
        }

        return SendOneWay(workload, Time);
    }

    // From the first line to the server's last FIN, which it sends when it has read everything: no line is on
    // its way at the start or at the end.
    private Measurement SendOneWay(Workload workload, TimeSpan time)
    {
        using var connections = new ConnectionSet(
            server.ForConnections(workload.Connections), workload.Connections, workload.Lines, ReplyTimeout);
        connections.Connect(workload.Connections);
        var loop = new OneWayLoop(connections);
        var interval = Interval.Begin(process);
        loop.Run(After(time));
        connections.FinishOneWay();
        return interval.End() with { Lines = connections.CountSent() };
    }

    private Measurement MeasureChurn(Workload workload) => Churn(workload, WarmUp, Time);

    private Measurement Churn(Workload workload, TimeSpan warmUp, TimeSpan time)
    {
        using var loop = new ChurnLoop(
            server.FromLoopback(ChurnSources), workload.Connections, workload.LineSize, ReplyTimeout);
        loop.Run(After(warmUp));
        loop.Finish();
        loop.Latency.Clear();
        long before = loop.Completed;
        var interval = Interval.Begin(process);
        loop.Run(After(time));
        interval.Stop();
        long lines = loop.Completed - before;
        loop.Finish();
        return interval.End() with { Lines = lines, FromSent = Latencies.Of(loop.Latency) };
    }
}
