using LineServer.Perf.Load;

namespace LineServer.Perf.Tests;

public class LatencyHistogramTests
{
    [Fact]
    public void A_percentile_is_never_too_small_and_at_most_one_percent_too_large()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        var histogram = new LatencyHistogram();

        // Over all magnitudes, from nanoseconds to hours.
        long[] values = [.. Enumerable.Range(0, 10_000).Select(_ => (long)Math.Pow(2, random.NextDouble() * 43))];
        foreach (long value in values)
        {
            histogram.Record(value);
        }

        Array.Sort(values);
        foreach (double percent in new[] { 1, 25, 50, 75, 90, 99, 99.9, 100 })
        {
            long exact = values[(int)Math.Ceiling(values.Length * percent / 100) - 1];
            long read = histogram.Percentile(percent);
            Assert.True(read >= exact && read <= exact * 1.01, $"p{percent}: {read} for {exact} (seed {seed})");
        }

        Assert.Equal(values[^1], histogram.Max);
        Assert.Equal(values.Length, histogram.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(129)]
    [InlineData(long.MaxValue)]
    public void A_single_value_is_every_percentile(long value)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(value);
        Assert.Equal(value, histogram.Percentile(0));
        Assert.Equal(value, histogram.Percentile(50));
        Assert.Equal(value, histogram.Percentile(100));
    }

    [Fact]
    public void An_empty_one_says_zero()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(5);
        histogram.Clear();
        Assert.Equal(0, histogram.Count);
        Assert.Equal(0, histogram.Percentile(99));
    }

    [Fact]
    public void Parts_that_are_carried_over_and_added_are_the_whole_to_the_last_count()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        LatencyHistogram whole = new(), sum = new();
        LatencyHistogram[] parts = [new(), new(), new()];
        for (int i = 0; i < 10_000; i++)
        {
            long value = (long)Math.Pow(2, random.NextDouble() * 43);
            whole.Record(value);
            parts[random.Next(2)].Record(value); // The last one stays empty.
        }

        foreach (LatencyHistogram part in parts)
        {
            sum.Add(LatencyHistogram.Import(part.Export()));
        }

        Assert.True(whole.Export().AsSpan().SequenceEqual(sum.Export()), $"seed {seed}");
        Assert.Equal((whole.Count, whole.Max), (sum.Count, sum.Max));
    }
}
