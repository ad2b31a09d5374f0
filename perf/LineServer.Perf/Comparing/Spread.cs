namespace LineServer.Perf.Comparing;

/// <summary>The median and the range over the rounds.</summary>
internal sealed record Spread(double Median, double Min, double Max)
{
    /// <summary>All values, in ascending order.</summary>
    public required IReadOnlyList<double> Rounds { get; init; }

    /// <summary>Null if there are no finite values.</summary>
    public static Spread? Of(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Where(double.IsFinite).Order()];
        return sorted.Length == 0
            ? null
            : new((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1])
            {
                Rounds = sorted,
            };
    }

    /// <summary>
    /// The number of values on that side of <paramref name="value"/> which has more of them. Equal values are
    /// on neither side.
    /// </summary>
    public int OnOneSideOf(double value) =>
        Math.Max(Rounds.Count(round => round < value), Rounds.Count(round => round > value));

    public string Format(string format) =>
        Min == Max
            ? $"{Median.ToString(format)}"
            : $"{Median.ToString(format)} [{Min.ToString(format)}..{Max.ToString(format)}]";
}
