namespace LineServer.Perf.Work;

/// <summary>What one interval of one workload on one server showed. What a workload does not measure is null.</summary>
internal sealed record Measurement
{
    /// <summary>Wall time of the interval.</summary>
    public required double Seconds { get; init; }

    /// <summary>Replies that came within it, each checked.</summary>
    public long Lines { get; init; }

    public double LinesPerSecond => Seconds > 0 ? Lines / Seconds : 0;

    /// <summary>From sent.</summary>
    public Latencies? FromSent { get; init; }

    /// <summary>From due; on a schedule only.</summary>
    public Latencies? FromDue { get; init; }

    /// <summary>Lines that left over a millisecond after they were due.</summary>
    public long? LateLines { get; init; }

    /// <summary>Of the server, as the rest whose name says so; null where its process is not known.</summary>
    public double? ServerCpuSeconds { get; init; }

    public double? ServerCpuShare => ServerCpuSeconds / Seconds;

    public double? ServerCpuNanosecondsPerLine => Lines > 0 ? ServerCpuSeconds * 1e9 / Lines : null;

    public long? ServerVoluntarySwitches { get; init; }

    public long? ServerInvoluntarySwitches { get; init; }

    /// <summary>Of both kinds.</summary>
    public double? ServerSwitchesPerLine => Lines > 0 ? (ServerVoluntarySwitches + ServerInvoluntarySwitches) / (double)Lines : null;

    public long? ServerMinorFaults { get; init; }

    /// <summary>At the end of the interval.</summary>
    public long? ServerResidentBytes { get; init; }

    public int? ServerDescriptors { get; init; }

    /// <summary>For each idle connection, of the largest number; where connections grow in number, for each of them before it worked.</summary>
    public double? BytesPerConnection { get; init; }

    /// <summary>For each idle connection more: see <see cref="IdleStep.Slope"/>.</summary>
    public double? BytesPerConnectionSlope { get; init; }

    /// <summary>Until each connection had its first reply, at most 200 at a time on the way: wall time, in which the generator works too.</summary>
    public double? OpeningSeconds { get; init; }

    /// <summary>CPU time of the server in that time.</summary>
    public double? ServerOpeningCpuSeconds { get; init; }

    /// <summary>Of idle connections: each number of them, the smallest first. The latencies of this record are those with the largest.</summary>
    public IReadOnlyList<IdleStep>? IdleSteps { get; init; }

    /// <summary>Where the load is a part of the server's capacity: replies a second of a closed loop with the same connections and window.</summary>
    public double? CapacityLinesPerSecond { get; init; }

    /// <summary>The generator was saturated when that was measured: it is at least that.</summary>
    public bool CapacityGeneratorSaturated { get; init; }

    /// <summary>Of the generator's thread, or of all generators; a flood has one of its own.</summary>
    public required double GeneratorCpuSeconds { get; init; }

    /// <summary>In which it was ready to work, and something else had its core; of all generators together.</summary>
    public double GeneratorDelaySeconds { get; init; }

    /// <summary>Processes that the connections were divided over.</summary>
    public int Generators { get; init; } = 1;

    /// <summary>How many of them can work at the same time.</summary>
    public int GeneratorCores { get; init; } = 1;

    /// <summary>Of the cores that the generator has use for.</summary>
    public double GeneratorCpuShare => Seconds > 0 ? GeneratorCpuSeconds / (Seconds * GeneratorCores) : 0;

    public double? GeneratorCpuNanosecondsPerLine => Lines > 0 ? GeneratorCpuSeconds * 1e9 / Lines : null;

    /// <summary>The generator worked, or waited for its core, at least 95 % of the time: the server may have been able to do more than was asked of it.</summary>
    public bool GeneratorSaturated => Seconds > 0 && GeneratorCpuShare + (GeneratorDelaySeconds / (Seconds * GeneratorCores)) >= 0.95;

    /// <summary>Of a flood: the quiet connections before it began; then the rest of this record is with it.</summary>
    public Measurement? WithoutFlood { get; init; }

    /// <summary>Of a flood: what the flooding connection got through.</summary>
    public double? FloodLinesPerSecond { get; init; }

    /// <summary>Of slow readers: the fast connections before there were slow ones; then the rest of this record is with them.</summary>
    public Measurement? WithoutSlowReaders { get; init; }

    /// <summary>Of slow readers: what they could send before nothing more was taken: it is in the server's memory, and in the kernel's.</summary>
    public long? UnreadBytes { get; init; }
}
