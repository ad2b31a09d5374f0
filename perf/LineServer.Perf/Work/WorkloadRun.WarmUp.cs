namespace LineServer.Perf.Work;

/// <content>A server that has just been started, until it is as fast as it will be.</content>
internal sealed partial class WorkloadRun
{
    /// <summary>
    /// Works for at least <see cref="ServerWarmUp"/>, in six slices, and goes on while the CPU time for a line still falls: <see cref="SteadyCost"/>. A JIT on a core
    /// that is never idle needs that, each server's another time; what is compiled ahead is done after the first slice. Where memory is looked at, a server that has
    /// not just been started is warmed up too.
    /// </summary>
    private void WarmUpServer(Workload workload)
    {
        bool isMemory = workload.Kind is WorkloadKind.Idle or WorkloadKind.Scale;
        TimeSpan least = isMemory && ServerWarmUp == TimeSpan.Zero ? WarmUp : ServerWarmUp;
        if (least == TimeSpan.Zero)
        {
            return;
        }

        Func<TimeSpan, Measurement> work = workload.Kind switch
        {
            WorkloadKind.Ingest => time => SendOneWay(workload, time),
            WorkloadKind.Churn => time => Churn(workload, TimeSpan.Zero, time),

            // Few: what the server's own start costs (code compiled at its first connection, its first buffers) is no connection's memory.
            _ when isMemory =>
                time => MeasureLoop(workload with { Kind = WorkloadKind.ClosedLoop, Connections = Math.Min(WarmUpConnections, workload.Connections) }, TimeSpan.Zero, time),
            _ => time => MeasureLoop(workload with { Kind = WorkloadKind.ClosedLoop }, TimeSpan.Zero, time),
        };
        SteadyCost.Await(() => work(least / SteadyCost.Least).ServerCpuNanosecondsPerLine);
    }
}
