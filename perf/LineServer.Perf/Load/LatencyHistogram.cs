using System.Numerics;

namespace LineServer.Perf.Load;

/// <summary>
/// Counts durations in buckets whose width is at most 1/128 of their value, so that a percentile read from it is never too small and at most 0.8 % too
/// large. For one thread; its size is fixed (58 KiB) however much is recorded.
/// </summary>
internal sealed class LatencyHistogram
{
    /// <summary>Each power of two is cut into this many buckets.</summary>
    private const int SubBuckets = 128;
    private static readonly int SubBucketBits = BitOperations.Log2(SubBuckets);

    private readonly long[] _counts = new long[(64 - SubBucketBits) * SubBuckets];

    public long Count { get; private set; }

    /// <summary>The longest duration in nanoseconds, exactly.</summary>
    public long Max { get; private set; }

    /// <summary>The buckets that are not empty, from the shortest on: how many were not longer than so many nanoseconds, and longer than those before.</summary>
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

    /// <summary>Adds all that another has recorded: the result is as if it had been recorded here, to the last count.</summary>
    public void Add(LatencyHistogram other)
    {
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            _counts[bucket] += other._counts[bucket];
        }

        Count += other.Count;
        Max = Math.Max(Max, other.Max);
    }

    /// <summary>All of it, to be carried to another process: the longest, then for each bucket that is not empty its number and its count.</summary>
    public long[] Export() => [Max, .. Enumerable.Range(0, _counts.Length).Where(bucket => _counts[bucket] > 0).SelectMany(bucket => new[] { bucket, _counts[bucket] })];

    /// <summary>What <see cref="Export"/> gave.</summary>
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

    /// <summary>The nanoseconds that <paramref name="percent"/> (0 to 100) of all were not longer than; 0 when there are none.</summary>
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

    // Below 128 each value has its own bucket. Above, the seven bits after the leading one choose the bucket in its power of two.
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
