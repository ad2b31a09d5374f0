using System.Numerics;

namespace LineServer.Client;

/// <summary>
/// Counts durations in buckets whose width is at most 1/128 of their value. A percentile is therefore never
/// too small, and at most 0.8 % too large. The size is fixed at 58 KiB. Recording is thread-safe.
/// </summary>
internal sealed class LatencyHistogram
{
    /// <summary>The number of buckets per power of two.</summary>
    private const int SubBuckets = 128;
    private static readonly int SubBucketBits = BitOperations.Log2(SubBuckets);

    private readonly long[] _counts = new long[(64 - SubBucketBits) * SubBuckets];
    private long _count;
    private long _max;

    public long Count => Volatile.Read(ref _count);

    /// <summary>The longest duration in nanoseconds; exact.</summary>
    public long Max => Volatile.Read(ref _max);

    /// <summary>Records a duration <paramref name="times"/> times. A negative duration counts as 0.</summary>
    public void Record(long nanoseconds, long times = 1)
    {
        nanoseconds = Math.Max(0, nanoseconds);
        Interlocked.Add(ref _counts[BucketOf(nanoseconds)], times);
        Interlocked.Add(ref _count, times);
        long max = Volatile.Read(ref _max);
        while (nanoseconds > max)
        {
            long seen = Interlocked.CompareExchange(ref _max, nanoseconds, max);
            max = seen == max ? nanoseconds : seen;
        }
    }

    /// <summary>
    /// The duration in nanoseconds that <paramref name="percent"/> (0 to 100) of all durations do not exceed;
    /// 0 if there are none.
    /// </summary>
    public long Percentile(double percent)
    {
        long wanted = Math.Clamp((long)Math.Ceiling(Count * percent / 100), 1, Math.Max(1, Count));
        long seen = 0;
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            seen += Volatile.Read(ref _counts[bucket]);
            if (seen >= wanted)
            {
                return Math.Min(HighestIn(bucket), Max);
            }
        }

        return Max;
    }

    // Below 128 each value has a bucket of its own. Above, the seven bits after the leading one select the
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
