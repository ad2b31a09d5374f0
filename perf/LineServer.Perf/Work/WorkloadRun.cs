using LineServer.Perf.Generators;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>
/// Runs a workload against a server that listens: opens the connections, warms up, measures, waits for every
/// reply, closes.
/// </summary>
/// <param name="server">The server's address.</param>
/// <param name="process">The server's process; null if it is not known.</param>
internal sealed partial class WorkloadRun(TargetAddress server, int? process)
{
    // The first connection number of work beside the main connections.
    private const int BesideNumber = WorkloadFields.MaxConnections;

    /// <summary>How long the same work runs before each measured interval.</summary>
    public required TimeSpan WarmUp { get; init; }

    /// <summary>An additional warm-up before that, for a new server: <see cref="WarmUpServer"/>.</summary>
    public TimeSpan ServerWarmUp { get; init; }

    /// <summary>Length of the measured interval.</summary>
    public required TimeSpan Time { get; init; }

    /// <summary>If nothing arrives for this time, a reply is lost.</summary>
    public TimeSpan ReplyTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For idle connections: the wait before memory is read.</summary>
    public TimeSpan SettleTime { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The file to which the server writes every line. Lines that go one way have then been taken when they are in it. Null
    /// for none.
    /// </summary>
    public string? LinesFile { get; init; }

    /// <summary>Processes that share the connections; 0 for as many as their descriptors need.</summary>
    public int Generators { get; init; }

    /// <summary>
    /// For a closed or an open loop: called after the warm-up; the result is disposed when the interval has
    /// ended.
    /// </summary>
    public Func<IDisposable>? Watch { get; init; }

    /// <exception cref="RunFailedException">
    /// A reply was wrong or lost, a connection was lost, or the server is gone.
    /// </exception>
    /// <exception cref="UsageException">
    /// Several generators are asked for, and this kind of work is done by one process only.
    /// </exception>
    public Measurement Measure(Workload workload)
    {
        CheckGenerators(workload, Generators);

        // A wait for the next due line then ends on time, not 50 µs later: prctl(2). Only in here, because
        // the processes that this thread starts (servers) would inherit it.
        _ = MeasuringCalls.ControlProcess(MeasuringCalls.SetTimerSlack, 1, 0, 0, 0);
        try
        {
            WarmUpServer(workload);

            // Garbage of earlier work must not cause a collection within the interval.
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
            _ = MeasuringCalls.ControlProcess(MeasuringCalls.SetTimerSlack, 0, 0, 0, 0); // the default
        }
    }

    /// <exception cref="UsageException">
    /// Several generators are asked for, and this kind of work is done by one process only.
    /// </exception>
    public static void CheckGenerators(Workload workload, int generators)
    {
        if (generators > 1
            && workload.Kind is not (WorkloadKind.ClosedLoop or WorkloadKind.OpenLoop
                or WorkloadKind.Idle or WorkloadKind.Scale))
        {
            throw new UsageException($"--generators: '{workload.Name}' runs in one process only");
        }
    }

    private Measurement MeasureOpenLoop(Workload workload)
    {
        if (workload.Load == 0)
        {
            return MeasureLoop(workload);
        }

        // Measured again in each round: one disturbed second would otherwise shift the load of all rounds.
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
        if (server.Protocol == LineProtocol.OneWay)
        {
            return SendOneWay(workload, warmUp, time);
        }

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
