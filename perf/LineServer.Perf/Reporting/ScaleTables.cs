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
    private const string Nothing = "–";
    private const string BehindName = "scale-behind";

    public static IReadOnlyList<string> Names { get; } = [.. ScaleFigure.All.Select(figure => figure.Name), BehindName];

    /// <summary>None where there is no such workload.</summary>
    public static IReadOnlyList<ReportTable> Of(ComparisonDocument document) =>
        WorkloadsOf(document).Count == 0 ? [] : [.. ScaleFigure.All.Select(figure => TableOf(document, figure)), Behind(document)];

    /// <summary>Those of the kind "scale", the fewest connections first.</summary>
    public static IReadOnlyList<Workload> WorkloadsOf(ComparisonDocument document) => [.. document.Workloads.Where(workload => workload.Kind == WorkloadKind.Scale).OrderBy(workload => workload.Connections)];

    public static ReportTable TableOf(ComparisonDocument document, ScaleFigure figure)
    {
        IReadOnlyList<Workload> scale = WorkloadsOf(document);
        return new(
            figure.Name,
            $"{figure.Title}, by the number of connections. Medians of {document.Rounds} rounds [and between what they lay]",
            ["server", .. scale.Select(workload => Number(workload.Connections))],
            [.. document.Servers.Select(server => (IReadOnlyList<string>)[server.Name, .. scale.Select(workload => Cell(document, workload, server.Name, figure))])]);
    }

    public static ReportTable Behind(ComparisonDocument document)
    {
        IReadOnlyList<Workload> scale = WorkloadsOf(document);
        return new(
            BehindName,
            "From how many connections on the server of a row falls behind that of a column, in lines a second, in each round; and its lines a second with the most connections, divided by the other's",
            ["", .. document.Servers.Select(server => server.Name)],
            [.. document.Servers.Select(server => (IReadOnlyList<string>)[server.Name, .. document.Servers.Select(other => server == other ? Nothing : Compared(document, scale, server.Name, other.Name))])]);
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

    private static string Compared(ComparisonDocument document, IReadOnlyList<Workload> scale, string server, string other) =>
        BehindFrom(document, scale, server, other) is (var from, { } atMost) ? $"{(from is { } first ? $"from {Number(first)}" : "not")} ({Quantity.Ratio(atMost.Median)})" : Nothing;

    private static string Number(int connections) => connections.ToString("#,0", CultureInfo.InvariantCulture);
}
