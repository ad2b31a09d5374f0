namespace LineServer.Perf.Work;

/// <content>Warms up a new server until its cost per line no longer falls.</content>
internal sealed partial class WorkloadRun
{
    /// <summary>
    /// Works for at least <see cref="ServerWarmUp"/>, in six slices, and goes on while the CPU time per line
    /// still falls: <see cref="SteadyCost"/>. A JIT on a core that is never idle needs that, and the time
    /// differs per server; code that is compiled ahead is ready after the first slice. Workloads that read
    /// memory warm up every server, even one that lineperf has not started.
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

            // With few connections: the server's one-time costs (code compiled at its first connection, first
            // buffers) must not count as a connection's memory.
            _ when isMemory =>
                time =>
                    MeasureLoop(
                        workload with
                        {
                            Kind = WorkloadKind.ClosedLoop,
                            Connections = Math.Min(WarmUpConnections, workload.Connections),
                        },
                        TimeSpan.Zero,
                        time),
            _ => time => MeasureLoop(workload with { Kind = WorkloadKind.ClosedLoop }, TimeSpan.Zero, time),
        };
        SteadyCost.Await(() => work(least / SteadyCost.Least).ServerCpuNanosecondsPerLine);
    }
}
