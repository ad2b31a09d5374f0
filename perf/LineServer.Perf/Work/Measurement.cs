namespace LineServer.Perf.Work;

/// <summary>
/// The result of one interval of one workload on one server. Figures that the workload does not measure are
/// null.
/// </summary>
internal sealed record Measurement
{
    /// <summary>Wall time of the interval.</summary>
    public required double Seconds { get; init; }

    /// <summary>Checked replies within the interval.</summary>
    public long Lines { get; init; }

    public double LinesPerSecond => Seconds > 0 ? Lines / Seconds : 0;

    /// <summary>Latencies from sent.</summary>
    public Latencies? FromSent { get; init; }

    /// <summary>Latencies from due; only with a schedule.</summary>
    public Latencies? FromDue { get; init; }

    /// <summary>Lines that left over a millisecond after they were due.</summary>
    public long? LateLines { get; init; }

    /// <summary>
    /// CPU time of the server. This and all other server figures are null if its process is not known.
    /// </summary>
    public double? ServerCpuSeconds { get; init; }

    public double? ServerCpuShare => ServerCpuSeconds / Seconds;

    public double? ServerCpuNanosecondsPerLine => Lines > 0 ? ServerCpuSeconds * 1e9 / Lines : null;

    public long? ServerVoluntarySwitches { get; init; }

    public long? ServerInvoluntarySwitches { get; init; }

    /// <summary>Voluntary and involuntary.</summary>
    public double? ServerSwitchesPerLine =>
        Lines > 0 ? (ServerVoluntarySwitches + ServerInvoluntarySwitches) / (double)Lines : null;

    public long? ServerMinorFaults { get; init; }

    /// <summary>At the end of the interval.</summary>
    public long? ServerResidentBytes { get; init; }

    public int? ServerDescriptors { get; init; }

    /// <summary>
    /// For idle connections, with the largest number of them; for the kind "scale", before the connections
    /// work.
    /// </summary>
    public double? BytesPerConnection { get; init; }

    /// <summary>The bytes per additional idle connection: <see cref="IdleStep.Slope"/>.</summary>
    public double? BytesPerConnectionSlope { get; init; }

    /// <summary>
    /// Wall time until each connection has had its first reply, with at most 200 opening at once. It includes
    /// the generator's work.
    /// </summary>
    public double? OpeningSeconds { get; init; }

    /// <summary>CPU time of the server in that time.</summary>
    public double? ServerOpeningCpuSeconds { get; init; }

    /// <summary>
    /// For idle connections: the result with each number of them, in ascending order. The latencies of this
    /// record are those with the largest number.
    /// </summary>
    public IReadOnlyList<IdleStep>? IdleSteps { get; init; }

    /// <summary>
    /// If the load is a part of the server's capacity: that capacity, in replies per second of a closed loop
    /// with the same connections and window.
    /// </summary>
    public double? CapacityLinesPerSecond { get; init; }

    /// <summary>True if the generator was saturated meanwhile: the capacity is then at least that.</summary>
    public bool CapacityGeneratorSaturated { get; init; }

    /// <summary>
    /// CPU time of the generator's thread, or of all generators. The thread of a flood is not included.
    /// </summary>
    public required double GeneratorCpuSeconds { get; init; }

    /// <summary>
    /// Time for which the generator was ready to run while another thread had its core; the sum over all
    /// generators.
    /// </summary>
    public double GeneratorDelaySeconds { get; init; }

    /// <summary>Processes that share the connections.</summary>
    public int Generators { get; init; } = 1;

    /// <summary>How many of them can run at once.</summary>
    public int GeneratorCores { get; init; } = 1;

    /// <summary>The share of the cores that the generators can use.</summary>
    public double GeneratorCpuShare => Seconds > 0 ? GeneratorCpuSeconds / (Seconds * GeneratorCores) : 0;

    public double? GeneratorCpuNanosecondsPerLine => Lines > 0 ? GeneratorCpuSeconds * 1e9 / Lines : null;

    /// <summary>
    /// True if the generator worked, or waited for its core, at least 95 % of the time: the server might have
    /// done more.
    /// </summary>
    public bool GeneratorSaturated =>
        Seconds > 0 && GeneratorCpuShare + (GeneratorDelaySeconds / (Seconds * GeneratorCores)) >= 0.95;

    /// <summary>
    /// For a flood: the quiet connections before it. The rest of this record is then with the flood.
    /// </summary>
    public Measurement? WithoutFlood { get; init; }

    /// <summary>For a flood: the rate of the flooding connection.</summary>
    public double? FloodLinesPerSecond { get; init; }

    /// <summary>
    /// For slow readers: the fast connections without them. The rest of this record is then with slow
    /// readers.
    /// </summary>
    public Measurement? WithoutSlowReaders { get; init; }

    /// <summary>
    /// For slow readers: the bytes that they could send before nothing more was taken. They are in the memory
    /// of the server and of the kernel.
    /// </summary>
    public long? UnreadBytes { get; init; }
}
