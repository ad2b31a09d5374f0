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

    public long? ServerMinorFaults { get; init; }

    /// <summary>At the end of the interval.</summary>
    public long? ServerResidentBytes { get; init; }

    public int? ServerDescriptors { get; init; }

    /// <summary>For each idle connection.</summary>
    public double? BytesPerConnection { get; init; }

    /// <summary>Of the generator's thread; a flood has one of its own.</summary>
    public required double GeneratorCpuSeconds { get; init; }

    public double GeneratorCpuShare => Seconds > 0 ? GeneratorCpuSeconds / Seconds : 0;

    public double? GeneratorCpuNanosecondsPerLine => Lines > 0 ? GeneratorCpuSeconds * 1e9 / Lines : null;

    /// <summary>The generator worked at least 95 % of the time: the server may have been able to do more than was asked of it.</summary>
    public bool GeneratorSaturated => GeneratorCpuShare >= 0.95;

    /// <summary>Of a flood: the quiet connections before it began; then the rest of this record is with it.</summary>
    public Measurement? WithoutFlood { get; init; }

    /// <summary>Of a flood: what the flooding connection got through.</summary>
    public double? FloodLinesPerSecond { get; init; }
}
