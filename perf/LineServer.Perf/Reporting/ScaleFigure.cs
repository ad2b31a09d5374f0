using LineServer.Perf.Comparing;
using LineServer.Perf.Reporting.Charts;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>A figure by the number of connections: a table and a chart over the workloads of the kind "scale". To add both, add a figure.</summary>
/// <param name="Name">Of its table and its chart.</param>
/// <param name="Title">Above them.</param>
/// <param name="Meaning">What it is.</param>
/// <param name="Better">Which figures are better.</param>
/// <param name="Of">The figure; null where a workload has none.</param>
/// <param name="Format">For a label.</param>
/// <param name="IsCapped">The generator limits it: when that is saturated, the server may be better.</param>
internal sealed record ScaleFigure(string Name, string Title, string Meaning, Direction Better, Func<Workload, Measurement, double?> Of, Func<double, string> Format, bool IsCapped = false)
{
    /// <summary>With fewer connections, the memory that a process takes by itself hides theirs.</summary>
    public const int FewestForMemory = 1_000;

    public static readonly ScaleFigure[] All =
    [
        new("scale-lines", "Lines a second", "over all connections", Direction.More, (_, m) => m.LinesPerSecond, Quantity.LinesASecond, IsCapped: true),
        new("scale-cpu", "CPU time of the server for a line", "of all its threads", Direction.Less, (_, m) => m.ServerCpuNanosecondsPerLine, Quantity.Nanoseconds),
        new("scale-switches", "Context switches of the server for a line", "of all its threads, voluntary and not", Direction.Less, (_, m) => m.ServerSwitchesPerLine, Quantity.Ratio),
        new("scale-memory", "Resident memory of the server for a connection", $"with all open, beyond that with none; measured from {FewestForMemory:N0} on", Direction.Less, MemoryOf, Quantity.Bytes),
        new("scale-opening", "Time to open a connection and get its first reply", "all of them, divided by their number; the generator's work is in it", Direction.Less, (w, m) => m.OpeningSeconds * 1e9 / w.Connections, Quantity.Nanoseconds),
        new("scale-opening-cpu", "CPU time of the server to open a connection", "and to send its first reply", Direction.Less, (w, m) => m.ServerOpeningCpuSeconds * 1e9 / w.Connections, Quantity.Nanoseconds),
    ];

    /// <summary>Over a server's rounds; null when it has none.</summary>
    public Spread? SpreadOf(ComparisonDocument document, Workload workload, string server) => document.RankingOf(workload.Name).Of(server, measured => Of(workload, measured));

    /// <summary>The generator was saturated in one of the server's rounds: the server may be better.</summary>
    public bool IsCappedFor(ComparisonDocument document, Workload workload, string server) =>
        IsCapped && document.RankingOf(workload.Name).Count(server, measured => measured.GeneratorSaturated) > 0;

    private static double? MemoryOf(Workload workload, Measurement measured) => workload.Connections < FewestForMemory ? null : measured.BytesPerConnection;
}
