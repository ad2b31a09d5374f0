using LineServer.Perf.Reporting.Charts;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests.Reporting;

public class DistributionTests
{
    [Fact]
    public void Rounds_are_added_and_percentiles_are_read_from_the_sum()
    {
        var all = new Distribution([Of((10, 5), (20, 4)), null, Of((10, 45), (30, 46))]);
        Assert.Equal(100, all.Count);
        Assert.Equal((10, 30), (all.Min, all.Max));
        Assert.Equal(10, all.Percentile(0.5));
        Assert.Equal(20, all.Percentile(0.54));
        Assert.Equal(30, all.Percentile(0.55));
        Assert.Equal(30, all.Percentile(1));
    }

    [Fact]
    public void The_curve_goes_from_all_lines_to_the_slowest_one_and_never_down()
    {
        (double OneIn, double Microseconds)[] curve = [.. new Distribution([Sample.Around(50)]).Curve];
        Assert.Equal(1, curve[0].OneIn);
        Assert.Equal(2_000, curve[^1].OneIn);
        Assert.All(curve.Zip(curve.Skip(1)), pair => Assert.True(pair.First.OneIn <= pair.Second.OneIn && pair.First.Microseconds <= pair.Second.Microseconds));
        Assert.All(curve, point => Assert.True(double.IsFinite(point.OneIn)));
    }

    [Fact]
    public void Without_lines_there_is_none()
    {
        Assert.Equal(0, new Distribution([null, Of()]).Count);
    }

    private static Latencies Of(params (double UpTo, long Count)[] buckets) =>
        new(buckets.Sum(bucket => bucket.Count), 0, 0, 0, 0, 0) { Buckets = [.. buckets.Select(bucket => new LatencyBucket(bucket.UpTo, bucket.Count))] };
}
