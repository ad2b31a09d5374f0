using System.Text.Json.Serialization;
using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>A distribution of latencies and its percentiles, in microseconds.</summary>
internal sealed record Latencies(long Count, double P50, double P90, double P99, double P999, double Max)
{
    /// <summary>The distribution, in ascending order, without empty buckets.</summary>
    [JsonConverter(typeof(LatencyBucketsConverter))]
    public IReadOnlyList<LatencyBucket> Buckets { get; init; } = [];

    public static Latencies Of(LatencyHistogram histogram) => new(
        histogram.Count,
        Microseconds(histogram.Percentile(50)),
        Microseconds(histogram.Percentile(90)),
        Microseconds(histogram.Percentile(99)),
        Microseconds(histogram.Percentile(99.9)),
        Microseconds(histogram.Max))
    {
        Buckets = [.. histogram.Buckets.Select(bucket => new LatencyBucket(Microseconds(bucket.UpTo), bucket.Count))],
    };

    private static double Microseconds(long nanoseconds) => nanoseconds / 1e3;
}
