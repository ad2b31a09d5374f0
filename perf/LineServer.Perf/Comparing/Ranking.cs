using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>All rounds of one workload, summed up for each server.</summary>
internal sealed class Ranking(IReadOnlyList<Round> rounds, string reference)
{
    /// <summary>A figure of a server, over its rounds; null when it has none.</summary>
    public Spread? Of(string server, Func<Measurement, double?> figure) =>
        Spread.Of(Of(server).Select(figure));

    /// <summary>A figure divided by the reference's of the same round: what disturbed both is not in it.</summary>
    public Spread? RatioOf(string server, Func<Measurement, double?> figure) =>
        Spread.Of(rounds.Where(round => round.Server == server).Select(round =>
            figure(round.Measured) / rounds.Where(other => other.Server == reference && other.Number == round.Number).Select(other => figure(other.Measured)).FirstOrDefault()));

    /// <summary>How often the difference to the reference had the same sign: "9/9" is a difference, "5/9" is noise. Null where there is nothing to tell.</summary>
    public string? SignHeldFor(string server, Func<Measurement, double?> figure) =>
        server != reference && RatioOf(server, figure) is { } ratios ? $"{ratios.OnOneSideOf(1)}/{ratios.Rounds.Count}" : null;

    /// <summary>What a server's rounds showed, in their order.</summary>
    public IEnumerable<Measurement> Of(string server) => rounds.Where(round => round.Server == server).Select(round => round.Measured);

    /// <summary>In how many of its rounds something held.</summary>
    public int Count(string server, Func<Measurement, bool> holds) => Of(server).Count(holds);
}
