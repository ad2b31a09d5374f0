using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting.Charts;

/// <summary>The sum of the distributions of several rounds.</summary>
internal sealed class Distribution
{
    private readonly (double UpTo, long Before, long Count)[] _buckets;

    /// <param name="rounds">The rounds; those without a distribution are left out.</param>
    public Distribution(IEnumerable<Latencies?> rounds)
    {
        long before = 0;
        _buckets = [.. rounds.OfType<Latencies>().SelectMany(round => round.Buckets).GroupBy(bucket => bucket.UpTo, bucket => bucket.Count).OrderBy(group => group.Key).Select(group =>
        {
            long count = group.Sum();
            before += count;
            return (group.Key, before - count, count);
        })];
        Count = before;
    }

    public long Count { get; }

    public double Min => _buckets[0].UpTo;

    public double Max => _buckets[^1].UpTo;

    /// <summary>
    /// The curve: one line in x takes longer than y microseconds, for x from 1 (the shortest) to the number
    /// of lines (the longest). So the slowest lines have as much room as the rest.
    /// </summary>
    public IEnumerable<(double OneIn, double Microseconds)> Curve => _buckets
        .Select(bucket => ((double)Count / (Count - bucket.Before), bucket.UpTo))
        .Append((Count, Max));

    /// <summary>The microseconds within which this part (0 to 1) of the lines lies.</summary>
    public double Percentile(double part)
    {
        long wanted = Math.Clamp((long)Math.Ceiling(Count * part), 1, Count);
        return _buckets.First(bucket => bucket.Before + bucket.Count >= wanted).UpTo;
    }
}
