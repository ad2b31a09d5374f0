namespace LineServer.Perf.Comparing;

/// <summary>The median of some rounds, and between what they lay.</summary>
internal sealed record Spread(double Median, double Min, double Max)
{
    /// <summary>All of them, the smallest first.</summary>
    public required IReadOnlyList<double> Rounds { get; init; }

    /// <summary>Null when there are none.</summary>
    public static Spread? Of(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Where(double.IsFinite).Order()];
        return sorted.Length == 0 ? null : new((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1]) { Rounds = sorted };
    }

    /// <summary>How many of them lay on the same side of a value, that on which most lay; on neither when they are equal to it.</summary>
    public int OnOneSideOf(double value) => Math.Max(Rounds.Count(round => round < value), Rounds.Count(round => round > value));

    public string Format(string format) => Min == Max ? $"{Median.ToString(format)}" : $"{Median.ToString(format)} [{Min.ToString(format)}..{Max.ToString(format)}]";
}
