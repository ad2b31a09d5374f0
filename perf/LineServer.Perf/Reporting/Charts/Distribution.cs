using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting.Charts;

/// <summary>The distributions of some rounds as one.</summary>
internal sealed class Distribution
{
    private readonly (double UpTo, long Before, long Count)[] _buckets;

    /// <param name="rounds">Those without one are left out.</param>
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
    /// The curve: y microseconds are exceeded by one line in x, for x from 1 (the shortest) to the number of lines (the longest). So much is left to be
    /// told of the slowest lines as of the rest.
    /// </summary>
    public IEnumerable<(double OneIn, double Microseconds)> Curve => _buckets
        .Select(bucket => ((double)Count / (Count - bucket.Before), bucket.UpTo))
        .Append((Count, Max));

    /// <summary>The microseconds that this part of all (0 to 1) took no longer than.</summary>
    public double Percentile(double part)
    {
        long wanted = Math.Clamp((long)Math.Ceiling(Count * part), 1, Count);
        return _buckets.First(bucket => bucket.Before + bucket.Count >= wanted).UpTo;
    }
}
