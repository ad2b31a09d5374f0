using LineServer.Perf.Linux;
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

    // How often the length of the server's file is looked at.
    private static readonly TimeSpan FilePoll = TimeSpan.FromMilliseconds(1);

    private Measurement MeasureIngest(Workload workload) => SendOneWay(workload, WarmUp, Time);

    private Measurement SendOneWay(Workload workload, TimeSpan warmUp, TimeSpan time)
    {
        if (warmUp > TimeSpan.Zero)
        {
            _ = SendOneWay(workload, warmUp);
        }

        return SendOneWay(workload, time);
    }

    // From the first line to the server's last FIN, which it sends when it has read everything: no line is on
    // its way at the start or at the end.
    private Measurement SendOneWay(Workload workload, TimeSpan time)
    {
        using var connections = new ConnectionSet(
            server.ForConnections(workload.Connections), workload.Connections, workload.Lines, ReplyTimeout);
        connections.Connect(workload.Connections);
        var loop = new OneWayLoop(connections);
        long before = LinesFile is null ? 0 : LengthOf(LinesFile);
        var interval = Interval.Begin(process);
        if (LinesFile is null)
        {
            loop.Run(After(time));
        }
        else
        {
            loop.Run(After(time), workload.Window, () => (LengthOf(LinesFile) - before) / workload.LineSize);
            connections.StopSending();
            AwaitLength(LinesFile, connections, before, workload.LineSize);
        }

        connections.FinishOneWay();
        return interval.End() with { Lines = connections.CountSent() };
    }

    private static long LengthOf(string file) => new FileInfo(file) is { Exists: true } found ? found.Length : 0;

    private void AwaitLength(string file, ConnectionSet connections, long before, int lineSize)
    {
        long length = LengthOf(file), progress = Clock.Now;
        while (connections.SendAll() is not { } sent || length != before + (sent * lineSize))
        {
            Thread.Sleep(FilePoll);
            long now = LengthOf(file);
            if (now != length)
            {
                (length, progress) = (now, Clock.Now);
            }
            else if (Clock.Now - progress > (long)ReplyTimeout.TotalNanoseconds)
            {
                throw new RunFailedException(
                    $"{connections.CountSent():N0} lines were sent, and the server has written {length - before:N0} bytes");
            }
        }
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
