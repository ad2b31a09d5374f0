using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>Percentiles of a histogram, in microseconds.</summary>
internal sealed record Latencies(long Count, double P50, double P90, double P99, double P999, double Max)
{
    public static Latencies Of(LatencyHistogram histogram) => new(
        histogram.Count,
        Microseconds(histogram.Percentile(50)),
        Microseconds(histogram.Percentile(90)),
        Microseconds(histogram.Percentile(99)),
        Microseconds(histogram.Percentile(99.9)),
        Microseconds(histogram.Max));

    private static double Microseconds(long nanoseconds) => nanoseconds / 1e3;
}
