using LineServer.Perf.Generators;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>Runs a workload against a server that listens: open the connections, warm up, measure, get every reply that is due, close.</summary>
/// <param name="server">Where it listens.</param>
/// <param name="process">Its process; null when it is not known.</param>
internal sealed partial class WorkloadRun(TargetAddress server, int? process)
{
    // What runs beside something else has connection numbers of its own from here on.
    private const int BesideNumber = WorkloadFields.MaxConnections;

    /// <summary>How long the same work runs before each interval that is measured.</summary>
    public required TimeSpan WarmUp { get; init; }

    /// <summary>Before all that, for a server that has just been started: see <see cref="WarmUpServer"/>.</summary>
    public TimeSpan ServerWarmUp { get; init; }

    /// <summary>How long it is measured.</summary>
    public required TimeSpan Time { get; init; }

    /// <summary>When nothing comes for so long, a reply was lost.</summary>
    public TimeSpan ReplyTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Of idle connections: until the memory is looked at.</summary>
    public TimeSpan SettleTime { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Processes that the connections are divided over; 0: as many as they need descriptors.</summary>
    public int Generators { get; init; }

    /// <summary>Of a closed or an open loop: called when the warm-up is over; what it gives is disposed when the interval has ended.</summary>
    public Func<IDisposable>? Watch { get; init; }

    /// <exception cref="RunFailedException">A reply was wrong or lost, a connection was lost, or the server is gone.</exception>
    /// <exception cref="UsageException">This kind of work is done by one process only.</exception>
    public Measurement Measure(Workload workload)
    {
        CheckGenerators(workload, Generators);

        // So that a wait for the next line's time ends then, and not 50 µs later: prctl(2). Not longer than that: the processes that this thread starts,
        // servers, would inherit it.
        _ = MeasuringCalls.ControlProcess(MeasuringCalls.SetTimerSlack, 1, 0, 0, 0);
        try
        {
            WarmUpServer(workload);

            // No collection falls into the interval because of what was done before it.
            GC.Collect();
            return workload.Kind switch
            {
                WorkloadKind.ClosedLoop => MeasureLoop(workload),
                WorkloadKind.OpenLoop => MeasureOpenLoop(workload),
                WorkloadKind.Ingest => MeasureIngest(workload),
                WorkloadKind.Idle => MeasureIdle(workload),
                WorkloadKind.Scale => MeasureScale(workload),
                WorkloadKind.Churn => MeasureChurn(workload),
                WorkloadKind.SlowReaders => MeasureSlowReaders(workload),
                _ => MeasureFlood(workload),
            };
        }
        finally
        {
            _ = MeasuringCalls.ControlProcess(MeasuringCalls.SetTimerSlack, 0, 0, 0, 0); // the default again
        }
    }

    /// <exception cref="UsageException">This kind of work is done by one process only.</exception>
    public static void CheckGenerators(Workload workload, int generators)
    {
        if (generators > 1 && workload.Kind is not (WorkloadKind.ClosedLoop or WorkloadKind.OpenLoop or WorkloadKind.Idle or WorkloadKind.Scale))
        {
            throw new UsageException($"--generators: '{workload.Name}' is the work of one process");
        }
    }

    private Measurement MeasureOpenLoop(Workload workload)
    {
        if (workload.Load == 0)
        {
            return MeasureLoop(workload);
        }

        // In each round anew: one disturbed second would shift the load of all of them.
        Measurement capacity = MeasureLoop(workload with { Kind = WorkloadKind.ClosedLoop });
        return MeasureLoop(workload with { Rate = Math.Max(1, capacity.LinesPerSecond * workload.Load) }) with
        {
            CapacityLinesPerSecond = capacity.LinesPerSecond,
            CapacityGeneratorSaturated = capacity.GeneratorSaturated,
        };
    }

    private Measurement MeasureLoop(Workload workload) => MeasureLoop(workload, WarmUp, Time);

    private Measurement MeasureLoop(Workload workload, TimeSpan warmUp, TimeSpan time)
    {
        using ILoad load = CreateLoad(workload);
        load.Open(workload.Connections);
        long from = After(warmUp);
        return load.Run(from, from + (long)time.TotalNanoseconds, process).Complete();
    }

    private ILoad CreateLoad(Workload workload)
    {
        int generators = Generators > 0 ? Generators : GeneratorGroup.Needed(workload.Connections);
        return generators == 1
            ? new LocalLoad(server.ForConnections(workload.Connections), workload, ReplyTimeout) { Watch = Watch }
            : new GeneratorGroup(server, workload, ReplyTimeout, generators);
    }

    private static long After(TimeSpan time) => Clock.Now + (long)time.TotalNanoseconds;
}
