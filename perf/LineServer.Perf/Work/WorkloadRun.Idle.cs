using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <content>Idle connections: memory, and the latency of active ones beside them.</content>
internal sealed partial class WorkloadRun
{
    private const int WarmUpConnections = 50;

    private Measurement MeasureIdle(Workload workload)
    {
        int known = KnownProcess(workload);
        long before = ResidentAfterOthers(known, SettleTime);
        using ILoad idle = CreateLoad(workload);
        List<IdleStep> steps = [];
        Measurement? measured = null;
        try
        {
            foreach (int connections in workload.Steps)
            {
                idle.Open(connections);
                var interval = Interval.Begin(process);
                Thread.Sleep(SettleTime);
                measured = interval.End();

                // A connection that the server has closed holds no memory.
                idle.CheckOpen();
                Measurement? active = workload.Active > 0 ? MeasureActive(workload) : null;
                steps.Add(new IdleStep(connections, measured.ServerResidentBytes!.Value, active?.FromDue));
                measured = measured with
                {
                    FromDue = active?.FromDue,
                    FromSent = active?.FromSent,
                    LateLines = active?.LateLines,
                };
                if (Interruption.IsRequested)
                {
                    break;
                }
            }
        }
        catch (RunFailedException e) when (steps is [.., var held])
        {
            // Servers have limits: the number of connections that this one held says more than the failure.
            throw new RunFailedException(
                $"it held {held.Connections:N0} connections, " +
                $"with {(held.ResidentBytes - before) / held.Connections:N0} bytes each; " +
                $"on the way to {workload.Steps[steps.Count]:N0}: {e.Message}");
        }

        return measured! with
        {
            BytesPerConnection = (measured.ServerResidentBytes - before) / (double)workload.Connections,
            BytesPerConnectionSlope = IdleStep.Slope(steps),
            IdleSteps = steps,
        };
    }

    private int KnownProcess(Workload workload) =>
        process
            ?? throw new UsageException(
                $"'{workload.Name}' reads the server's memory, so it needs its process (--pid)");

    // The resident memory once the connections of the warm-up are gone.
    private static long ResidentAfterOthers(int known, TimeSpan settleTime)
    {
        Thread.Sleep(settleTime);
        return ProcessUse.Of(known).ResidentBytes;
    }

    // The active connections are closed again before more idle ones open, so memory is read with idle ones
    // only.
    private Measurement MeasureActive(Workload workload)
    {
        Workload active = workload with { Kind = WorkloadKind.OpenLoop, Connections = workload.Active };
        using var load = new LocalLoad(server, active, ReplyTimeout, BesideNumber);
        load.Open(active.Connections);
        long from = After(WarmUp);
        return load.Run(from, from + (long)Time.TotalNanoseconds, process: null).Complete();
    }
}
