using LineServer.Perf.Comparing;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>
/// The result of a comparison in one sentence: CPU time per line compared to the reference, which the
/// generator does not limit.
/// </summary>
internal static class Headline
{
    private const int First = 3;

    /// <param name="document">The comparison.</param>
    /// <returns>The sentence, and how its figures were computed.</returns>
    public static (string Result, string Basis) Of(ComparisonDocument document)
    {
        // Means over different workloads would not be comparable: a server is ranked only if it has a figure
        // for every workload for which the reference has one.
        Workload[] common =
        [
            .. document.Workloads.Where(workload => CpuOf(document, workload, document.Reference) is not null),
        ];
        (string Server, double Factor)[] ranked =
        [
            .. from server in document.Servers
               where server.Name != document.Reference
               let ratios = common.Select(workload => RatioOf(document, workload, server.Name))
                   .OfType<double>()
                   .ToArray()
               where ratios.Length > 0 && ratios.Length == common.Length
               let factor = Math.Exp(ratios.Average(Math.Log))
               orderby factor
               select (server.Name, factor),
        ];
        if (ranked.Length == 0)
        {
            return (common.Length == 0
                ? "The reference has no CPU time per line, so no server is ranked."
                : $"{document.Reference} takes {Quantity.Nanoseconds(CpuOf(document, common[0], document.Reference)!.Median)} " +
                  $"of CPU time per line in {common[0].Name}; no other server has a result for every workload.", "");
        }

        bool isReferenceBest = ranked[0].Factor >= 1;
        (string best, string times) = (ranked[0].Server, Times(ranked[0].Factor));
        string least = ranked.Length == 1 ? $"{best} takes {times} the CPU time per line of {document.Reference}"
            : isReferenceBest ? $"{document.Reference} takes the least CPU time per line; {best} takes {times} as much"
            : $"{best} takes the least CPU time per line, {times} that of {document.Reference}";
        (string Server, double Factor)[] next = [.. ranked[1..].Take(ranked.Length > First + 1 ? First - 1 : First)];
        string others = string.Concat(
            next.Select((other, i) =>
                $"{(i > 0 || isReferenceBest ? ", " : "; ")}{other.Server}{(i > 0 || isReferenceBest ? "" : " takes")} " +
                $"{Times(other.Factor)}"));
        string most = ranked.Length > First + 1
            ? $", and {ranked[^1].Server} the most, {Times(ranked[^1].Factor)}"
            : "";
        string[] left =
        [
            .. document.Servers.Select(server => server.Name).Where(name =>
                name != document.Reference && ranked.All(server => server.Server != name)),
        ];
        string missing = left.Length == 0
            ? ""
            : $" Not ranked, because a result is missing: {string.Join(", ", left)}.";
        string rounds = $"{document.Rounds} {(document.Rounds == 1 ? "round" : "rounds")}";
        string over = common.Length == 1
            ? $"In {common[0].Name}, {rounds}."
            : $"Geometric mean over {common.Length} workloads, {rounds} each.";
        return (
            $"{least}{others}{most}.",
            $"{over}{(document.Rounds < 5 ? " So few rounds show factors, not hundredths." : "")}{missing}");
    }

    private static string Times(double factor) => $"{Quantity.Ratio(factor)} times";

    private static double? RatioOf(ComparisonDocument document, Workload workload, string server) =>
        document.RankingOf(workload.Name).RatioOf(server, measured => ChartedFigure.Cpu.Of(workload, measured))?.Median;

    private static Spread? CpuOf(ComparisonDocument document, Workload workload, string server) =>
        document.RankingOf(workload.Name).Of(server, measured => ChartedFigure.Cpu.Of(workload, measured));
}
