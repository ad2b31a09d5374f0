namespace LineServer.Client.Tests;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Every_value_is_told_with_at_most_one_percent_too_much_and_never_too_little()
    {
        for (int bit = 0; bit < 63; bit++)
        {
            foreach (long value in new[] { 1L << bit, (1L << bit) - 1, (1L << bit) + (1L << bit >> 1), (long)((1L << bit) * 1.234) })
            {
                var histogram = new LatencyHistogram();
                histogram.Record(value);
                histogram.Record(long.MaxValue);

                Assert.InRange(
                    histogram.Percentile(50), value, (long)Math.Min(long.MaxValue, Math.Ceiling(value * 1.01)));
            }
        }
    }

    [Fact]
    public void Percentiles_are_those_of_a_sorted_list()
    {
        var random = new Random(20260101);
        var histogram = new LatencyHistogram();
        long[] values = [.. Enumerable.Range(0, 20_000).Select(_ => (long)Math.Exp(random.NextDouble() * 25))];
        Array.ForEach(values, value => histogram.Record(value));
        Array.Sort(values);

        foreach (double percent in new[] { 0.01, 1, 25, 50, 90, 99, 99.9, 100 })
        {
            long exact = values[(int)Math.Ceiling(values.Length * percent / 100) - 1];
            Assert.InRange(histogram.Percentile(percent), exact, (long)Math.Ceiling(exact * 1.01));
        }

        Assert.Equal(values[^1], histogram.Max);
        Assert.Equal(values[^1], histogram.Percentile(100));
    }

    [Fact]
    public void A_value_may_be_recorded_many_times_at_once()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(100, times: 99);
        histogram.Record(5000);

        Assert.Equal(100, histogram.Count);
        Assert.Equal(100, histogram.Percentile(99));
        Assert.Equal(5000, histogram.Percentile(99.5));
    }

    [Fact]
    public void An_empty_one_and_a_clock_that_went_back_are_zero()
    {
        var histogram = new LatencyHistogram();
        Assert.Equal(0, histogram.Percentile(99));
        histogram.Record(-5);
        Assert.Equal(0, histogram.Percentile(100));
        Assert.Equal(1, histogram.Count);
    }

    [Fact]
    public void Nothing_is_lost_when_many_threads_record()
    {
        var histogram = new LatencyHistogram();
        Parallel.For(0, 8, thread =>
        {
            for (int i = 0; i < 10_000; i++)
            {
                histogram.Record((thread * 10_000) + i);
            }
        });

        Assert.Equal(80_000, histogram.Count);
        Assert.Equal(79_999, histogram.Max);
    }
}
