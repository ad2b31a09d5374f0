using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>All rounds of one workload, summed up for each server.</summary>
internal sealed class Ranking(IReadOnlyList<Round> rounds, string reference)
{
    /// <summary>A figure of a server, over its rounds.</summary>
    public Spread? Of(string server, Func<Measurement, double?> figure) =>
        Spread.Of(rounds.Where(round => round.Server == server).Select(round => figure(round.Measured)));

    /// <summary>A figure divided by the reference's of the same round: what disturbed both is not in it.</summary>
    public Spread? RatioOf(string server, Func<Measurement, double?> figure) =>
        Spread.Of(rounds.Where(round => round.Server == server).Select(round =>
            figure(round.Measured) / rounds.Where(other => other.Server == reference && other.Number == round.Number).Select(other => figure(other.Measured)).FirstOrDefault()));

    /// <summary>In how many of its rounds something held.</summary>
    public int Count(string server, Func<Measurement, bool> holds) => rounds.Count(round => round.Server == server && holds(round.Measured));
}
