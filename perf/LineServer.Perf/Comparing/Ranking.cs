using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>All rounds of one workload, summarised per server.</summary>
internal sealed class Ranking(IReadOnlyList<Round> rounds, string reference)
{
    /// <summary>A server's figure over its rounds; null if there is none.</summary>
    public Spread? Of(string server, Func<Measurement, double?> figure) =>
        Spread.Of(Of(server).Select(figure));

    /// <summary>
    /// A server's figure divided by the reference's of the same round, so that a disturbance of both cancels
    /// out.
    /// </summary>
    public Spread? RatioOf(string server, Func<Measurement, double?> figure) =>
        Spread.Of(rounds.Where(round => round.Server == server).Select(round =>
            figure(round.Measured) / rounds
                .Where(other => other.Server == reference && other.Number == round.Number)
                .Select(other => figure(other.Measured))
                .FirstOrDefault()));

    /// <summary>
    /// In how many rounds the difference to the reference had the same sign: "9/9" is a difference, "5/9" is
    /// noise. Null if there is no ratio.
    /// </summary>
    public string? SignHeldFor(string server, Func<Measurement, double?> figure) =>
        server != reference && RatioOf(server, figure) is { } ratios
            ? $"{ratios.OnOneSideOf(1)}/{ratios.Rounds.Count}"
            : null;

    /// <summary>A server's measurements, in the order of the rounds.</summary>
    public IEnumerable<Measurement> Of(string server) =>
        rounds.Where(round => round.Server == server).Select(round => round.Measured);

    /// <summary>In how many of the server's rounds a condition holds.</summary>
    public int Count(string server, Func<Measurement, bool> holds) => Of(server).Count(holds);
}
