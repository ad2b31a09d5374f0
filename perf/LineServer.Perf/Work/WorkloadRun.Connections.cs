using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <content>What is not lines and replies on connections that stay: lines without replies, and connections that come and go.</content>
internal sealed partial class WorkloadRun
{
    // Of 28,232 ports each, which Linux gives out again after a second on loopback: so this is no limit before 400,000 connections a second.
    private const int ChurnSources = 16;

    private Measurement MeasureIngest(Workload workload)
    {
        if (WarmUp > TimeSpan.Zero)
        {
            _ = SendOneWay(workload, WarmUp);
        }

        return SendOneWay(workload, Time);
    }

    // From the first line to the server's last FIN, which comes when it has read all: no line is on its way at the beginning, and none in the end.
    private Measurement SendOneWay(Workload workload, TimeSpan time)
    {
        using var connections = new ConnectionSet(server.ForConnections(workload.Connections), workload.Connections, workload.Lines, ReplyTimeout);
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
        using var loop = new ChurnLoop(server.FromLoopback(ChurnSources), workload.Connections, workload.LineSize, ReplyTimeout);
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
