using System.Globalization;
using LineServer.Perf.Comparing;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>
/// The workloads of the kind "scale" side by side: a table for each figure, with a row for each server and a column for each number of connections; and
/// which server falls behind which, from how many connections on.
/// </summary>
internal static class ScaleTables
{
    /// <summary>Below so many connections, what a process does by itself is more memory than they are.</summary>
    public const int FewestForMemory = 1_000;

    private const string Nothing = "–";

    private static readonly Figure[] Figures =
    [
        new("scale-lines", "Lines a second", m => m.LinesPerSecond, Quantity.LinesASecond) { IsCapped = true },
        new("scale-cpu", "CPU time of the server for a line", m => m.ServerCpuNanosecondsPerLine, Quantity.Nanoseconds),
        new("scale-switches", "Context switches of the server for a line", m => m.ServerSwitchesPerLine, Quantity.Ratio),
        new("scale-memory", "Resident memory of the server for a connection", m => m.BytesPerConnection, Quantity.Bytes) { Fewest = FewestForMemory },
        new("scale-opening", "Time to open a connection and get its first reply", m => m.OpeningSeconds * 1e9, Quantity.Nanoseconds) { IsForEach = true },
        new("scale-opening-cpu", "CPU time of the server for that", m => m.ServerOpeningCpuSeconds * 1e9, Quantity.Nanoseconds) { IsForEach = true },
    ];

    /// <summary>None where there is no such workload.</summary>
    public static IReadOnlyList<ReportTable> Of(ComparisonDocument document)
    {
        Workload[] scale = [.. document.Workloads.Where(workload => workload.Kind == WorkloadKind.Scale).OrderBy(workload => workload.Connections)];
        return scale.Length == 0 ? [] : [.. Figures.Select(figure => TableOf(document, scale, figure)), Behind(document, scale)];
    }

    /// <summary>
    /// From how many connections on a server falls behind another: in lines a second, by more than the noise, which is to say in each round, with that number
    /// and every larger one of them.
    /// </summary>
    /// <returns>The first of the numbers, null when it does not; and the ratio with the largest number that both have done, null when there is none.</returns>
    public static (int? From, Spread? AtMost) BehindFrom(ComparisonDocument document, IEnumerable<Workload> scale, string server, string other)
    {
        int? from = null;
        Spread? atMost = null;
        foreach (Workload workload in scale.OrderBy(workload => workload.Connections))
        {
            Ranking ranking = document.RankingOf(workload.Name, other);
            if (ranking.RatioOf(server, m => m.LinesPerSecond) is not { } ratio)
            {
                continue;
            }

            // Where the generator had no time left, it may be the generator that was behind.
            atMost = ratio;
            bool isBehind = ratio.Max < 1 && ranking.Count(server, m => m.GeneratorSaturated) == 0;
            from = isBehind ? from ?? workload.Connections : null;
        }

        return (from, atMost);
    }

    private static ReportTable TableOf(ComparisonDocument document, Workload[] scale, Figure figure) => new(
        figure.Name,
        $"{figure.Title}, by the number of connections. Medians of {document.Rounds} rounds [and between what they lay]",
        ["server", .. scale.Select(workload => Number(workload.Connections))],
        [.. document.Servers.Select(server => (IReadOnlyList<string>)[server.Name, .. scale.Select(workload => Cell(document, workload, server.Name, figure))])]);

    private static string Cell(ComparisonDocument document, Workload workload, string server, Figure figure)
    {
        if (document.ReasonFor(workload.Name, server) is not null)
        {
            return "no result";
        }

        Ranking ranking = document.RankingOf(workload.Name);
        if (workload.Connections < figure.Fewest || ranking.Of(server, m => figure.Of(m) / (figure.IsForEach ? workload.Connections : 1)) is not { } spread)
        {
            return Nothing;
        }

        string mark = figure.IsCapped && ranking.Count(server, m => m.GeneratorSaturated) > 0 ? "≥ " : "";
        string between = spread.Rounds.Count > 1 ? $" [{figure.Format(spread.Min)}..{figure.Format(spread.Max)}]" : "";
        return $"{mark}{figure.Format(spread.Median)}{between}";
    }

    private static ReportTable Behind(ComparisonDocument document, Workload[] scale) => new(
        "scale-behind",
        "From how many connections on the server of a row falls behind that of a column, in lines a second, in each round; and its lines a second with the most connections, divided by the other's",
        ["", .. document.Servers.Select(server => server.Name)],
        [.. document.Servers.Select(server => (IReadOnlyList<string>)[server.Name, .. document.Servers.Select(other => server == other ? Nothing : Compared(document, scale, server.Name, other.Name))])]);

    private static string Compared(ComparisonDocument document, Workload[] scale, string server, string other) =>
        BehindFrom(document, scale, server, other) is (var from, { } atMost) ? $"{(from is { } first ? $"from {Number(first)}" : "not")} ({Quantity.Ratio(atMost.Median)})" : Nothing;

    private static string Number(int connections) => connections.ToString("#,0", CultureInfo.InvariantCulture);

    private sealed record Figure(string Name, string Title, Func<Measurement, double?> Of, Func<double, string> Format)
    {
        /// <summary>By the generator: when that is saturated, the server may be better.</summary>
        public bool IsCapped { get; init; }

        /// <summary>It is divided by the number of connections.</summary>
        public bool IsForEach { get; init; }

        /// <summary>With less connections it says nothing.</summary>
        public int Fewest { get; init; }
    }
}
