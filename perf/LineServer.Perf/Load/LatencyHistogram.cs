using System.Numerics;

namespace LineServer.Perf.Load;

/// <summary>
/// Counts durations in buckets whose width is at most 1/128 of their value: a percentile is never too low,
/// and at most 0.8 % too high. Its size is fixed (58 KiB). For one thread.
/// </summary>
internal sealed class LatencyHistogram
{
    /// <summary>The number of buckets per power of two.</summary>
    private const int SubBuckets = 128;
    private static readonly int SubBucketBits = BitOperations.Log2(SubBuckets);

    private readonly long[] _counts = new long[(64 - SubBucketBits) * SubBuckets];

    public long Count { get; private set; }

    /// <summary>The longest duration in nanoseconds, exact.</summary>
    public long Max { get; private set; }

    /// <summary>
    /// The non-empty buckets in ascending order: <c>Count</c> durations took at most <c>UpTo</c> nanoseconds,
    /// and longer than those of the bucket before.
    /// </summary>
    public IEnumerable<(long UpTo, long Count)> Buckets
    {
        get
        {
            for (int bucket = 0; bucket < _counts.Length; bucket++)
            {
                if (_counts[bucket] > 0)
                {
                    yield return (Math.Min(HighestIn(bucket), Max), _counts[bucket]);
                }
            }
        }
    }

    /// <summary>Records a duration; a negative one counts as 0.</summary>
    public void Record(long nanoseconds)
    {
        nanoseconds = Math.Max(0, nanoseconds);
        _counts[BucketOf(nanoseconds)]++;
        Count++;
        Max = Math.Max(Max, nanoseconds);
    }

    /// <summary>
    /// Adds another histogram. The result is exactly as if all durations had been recorded here.
    /// </summary>
    public void Add(LatencyHistogram other)
    {
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            _counts[bucket] += other._counts[bucket];
        }

        Count += other.Count;
        Max = Math.Max(Max, other.Max);
    }

    /// <summary>
    /// Exports the histogram for another process: the maximum, then number and count of each non-empty
    /// bucket.
    /// </summary>
    public long[] Export() =>
    [
        Max,
        .. Enumerable.Range(0, _counts.Length)
            .Where(bucket => _counts[bucket] > 0)
            .SelectMany(bucket => new[] { bucket, _counts[bucket] }),
    ];

    /// <summary>Restores a histogram from the result of <see cref="Export"/>.</summary>
    public static LatencyHistogram Import(ReadOnlySpan<long> exported)
    {
        var histogram = new LatencyHistogram { Max = exported[0] };
        for (int i = 1; i < exported.Length; i += 2)
        {
            histogram._counts[exported[i]] = exported[i + 1];
            histogram.Count += exported[i + 1];
        }

        return histogram;
    }

    public void Clear()
    {
        Array.Clear(_counts);
        (Count, Max) = (0, 0);
    }

    /// <summary>
    /// The nanoseconds within which <paramref name="percent"/> (0 to 100) of the durations lie; 0 if there
    /// are none.
    /// </summary>
    public long Percentile(double percent)
    {
        long wanted = Math.Clamp((long)Math.Ceiling(Count * percent / 100), 1, Math.Max(1, Count));
        long seen = 0;
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            seen += _counts[bucket];
            if (seen >= wanted)
            {
                return Math.Min(HighestIn(bucket), Max);
            }
        }

        return Max;
    }

    // Each value below 128 has a bucket of its own. Above, the seven bits after the leading one select the
    // bucket within the power of two.
    private static int BucketOf(long nanoseconds)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)nanoseconds | 1) - SubBucketBits);
        return (shift * SubBuckets) + (int)(nanoseconds >> shift);
    }

    private static long HighestIn(int bucket)
    {
        int shift = Math.Max(0, (bucket / SubBuckets) - 1);
        long lowest = (long)(bucket - (shift * SubBuckets)) << shift;
        return lowest + (1L << shift) - 1;
    }
}
