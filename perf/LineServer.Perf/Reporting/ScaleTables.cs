using System.Globalization;
using LineServer.Perf.Comparing;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>
/// The workloads of the kind "scale" side by side: one table per figure, with a row per server and a column
/// per number of connections; and a table of which server falls behind which, and from how many connections.
/// </summary>
internal static class ScaleTables
{
    private const string Nothing = "–";
    private const string BehindName = "scale-behind";

    public static IReadOnlyList<string> Names { get; } = [.. ScaleFigure.All.Select(figure => figure.Name), BehindName];

    /// <summary>Empty if there is no such workload.</summary>
    public static IReadOnlyList<ReportTable> Of(ComparisonDocument document) =>
        WorkloadsOf(document).Count == 0
            ? []
            : [.. ScaleFigure.All.Select(figure => TableOf(document, figure)), Behind(document)];

    /// <summary>The workloads of the kind "scale", in ascending order of connections.</summary>
    public static IReadOnlyList<Workload> WorkloadsOf(ComparisonDocument document) =>
    [
        .. document.Workloads
            .Where(workload => workload.Kind == WorkloadKind.Scale)
            .OrderBy(workload => workload.Connections),
    ];

    public static ReportTable TableOf(ComparisonDocument document, ScaleFigure figure)
    {
        IReadOnlyList<Workload> scale = WorkloadsOf(document);
        return new(
            figure.Name,
            $"{figure.Title}, by the number of connections. " +
            $"Medians of {document.Rounds} rounds [range over the rounds]",
            ["server", .. scale.Select(workload => Number(workload.Connections))],
            [
                .. document.Servers.Select(server => (IReadOnlyList<string>)
                [
                    server.Name,
                    .. scale.Select(workload => Cell(document, workload, server.Name, figure)),
                ]),
            ]);
    }

    public static ReportTable Behind(ComparisonDocument document)
    {
        IReadOnlyList<Workload> scale = WorkloadsOf(document);
        return new(
            BehindName,
            "The number of connections from which the server of a row has fewer lines per second than that of a " +
            "column, in every round; and the ratio of their lines per second with the most connections",
            ["", .. document.Servers.Select(server => server.Name)],
            [
                .. document.Servers.Select(server => (IReadOnlyList<string>)
                [
                    server.Name,
                    .. document.Servers.Select(other =>
                        server == other ? Nothing : Compared(document, scale, server.Name, other.Name)),
                ]),
            ]);
    }

    /// <summary>
    /// The number of connections from which a server has fewer lines per second than another, by more than
    /// noise: in every round, with this number and every larger one.
    /// </summary>
    /// <returns>
    /// That number, null if there is none; and the ratio with the largest number that both servers have a
    /// result for, null if there is none.
    /// </returns>
    public static (int? From, Spread? AtMost) BehindFrom(
        ComparisonDocument document, IEnumerable<Workload> scale, string server, string other)
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

            // If the generator was saturated, it may be the generator that was behind.
            atMost = ratio;
            bool isBehind = ratio.Max < 1 && ranking.Count(server, m => m.GeneratorSaturated) == 0;
            from = isBehind ? from ?? workload.Connections : null;
        }

        return (from, atMost);
    }

    private static string Cell(ComparisonDocument document, Workload workload, string server, ScaleFigure figure)
    {
        if (document.ReasonFor(workload.Name, server) is not null)
        {
            return "no result";
        }

        if (figure.SpreadOf(document, workload, server) is not { } spread)
        {
            return Nothing;
        }

        string mark = figure.IsCappedFor(document, workload, server) ? "≥ " : "";
        string between = spread.Rounds.Count > 1 ? $" [{figure.Format(spread.Min)}..{figure.Format(spread.Max)}]" : "";
        return $"{mark}{figure.Format(spread.Median)}{between}";
    }

    private static string Compared(
        ComparisonDocument document, IReadOnlyList<Workload> scale, string server, string other) =>
        BehindFrom(document, scale, server, other) is (var from, { } atMost)
            ? $"{(from is { } first ? $"from {Number(first)}" : "not")} ({Quantity.Ratio(atMost.Median)})"
            : Nothing;

    private static string Number(int connections) => connections.ToString("#,0", CultureInfo.InvariantCulture);
}
