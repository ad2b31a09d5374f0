namespace LineServer.Perf.Comparing;

/// <summary>The median of some rounds, and between what they lay.</summary>
internal sealed record Spread(double Median, double Min, double Max)
{
    /// <summary>Null when there are none.</summary>
    public static Spread? Of(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Where(double.IsFinite).Order()];
        return sorted.Length == 0 ? null : new((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1]);
    }

    public string Format(string format) => Min == Max ? $"{Median.ToString(format)}" : $"{Median.ToString(format)} [{Min.ToString(format)}..{Max.ToString(format)}]";
}
