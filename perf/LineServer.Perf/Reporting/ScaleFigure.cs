using LineServer.Perf.Comparing;
using LineServer.Perf.Reporting.Charts;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>
/// A figure by the number of connections: a table and a chart over the workloads of the kind "scale". To add
/// both, add a figure.
/// </summary>
/// <param name="Name">The name of its table and chart.</param>
/// <param name="Title">Their title.</param>
/// <param name="Meaning">A phrase that explains it.</param>
/// <param name="Better">Whether more or less is better.</param>
/// <param name="Of">Selects the figure; null if the workload does not have it.</param>
/// <param name="Format">Formats it for labels.</param>
/// <param name="IsCapped">True if a saturated generator limits it, so that the server may be better.</param>
internal sealed record ScaleFigure(
    string Name,
    string Title,
    string Meaning,
    Direction Better,
    Func<Workload, Measurement, double?> Of,
    Func<double, string> Format,
    bool IsCapped = false)
{
    /// <summary>With fewer connections, a process's own memory hides theirs.</summary>
    public const int FewestForMemory = 1_000;

    public static readonly ScaleFigure[] All =
    [
        new(
            "scale-lines",
            "Lines per second",
            "over all connections",
            Direction.More,
            (_, m) => m.LinesPerSecond,
            Quantity.LinesASecond,
            IsCapped: true),
        new(
            "scale-cpu",
            "CPU time of the server per line",
            "of all its threads",
            Direction.Less,
            (_, m) => m.ServerCpuNanosecondsPerLine,
            Quantity.Nanoseconds),
        new(
            "scale-switches",
            "Context switches of the server per line",
            "of all its threads, voluntary and involuntary",
            Direction.Less,
            (_, m) => m.ServerSwitchesPerLine,
            Quantity.Ratio),
        new(
            "scale-memory",
            "Resident memory of the server per connection",
            $"with all open, beyond that with none; measured from {FewestForMemory:N0} on",
            Direction.Less,
            MemoryOf,
            Quantity.Bytes),
        new(
            "scale-opening",
            "Time to open a connection and get its first reply",
            "for all, divided by their number; includes the generator's work",
            Direction.Less,
            (w, m) => m.OpeningSeconds * 1e9 / w.Connections,
            Quantity.Nanoseconds),
        new(
            "scale-opening-cpu",
            "CPU time of the server to open a connection",
            "and to send its first reply",
            Direction.Less,
            (w, m) => m.ServerOpeningCpuSeconds * 1e9 / w.Connections,
            Quantity.Nanoseconds),
    ];

    /// <summary>The figure over a server's rounds; null if there is none.</summary>
    public Spread? SpreadOf(ComparisonDocument document, Workload workload, string server) =>
        document.RankingOf(workload.Name).Of(server, measured => Of(workload, measured));

    /// <summary>
    /// True if the generator was saturated in one of the server's rounds, so that the server may be better.
    /// </summary>
    public bool IsCappedFor(ComparisonDocument document, Workload workload, string server) =>
        IsCapped && document.RankingOf(workload.Name).Count(server, measured => measured.GeneratorSaturated) > 0;

    private static double? MemoryOf(Workload workload, Measurement measured) =>
        workload.Connections < FewestForMemory ? null : measured.BytesPerConnection;
}
