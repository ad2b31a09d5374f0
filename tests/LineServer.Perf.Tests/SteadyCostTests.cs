using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

/// <summary>How long a server is warmed up.</summary>
public class SteadyCostTests
{
    [Theory]
    [InlineData(6, new double[] { 10 })] // compiled ahead
    [InlineData(6, new double[] { 10, 14, 12, 10.1 })] // compiled ahead, and disturbed
    [InlineData(10, new double[] { 28, 42, 42, 38, 34, 23, 23, 26, 26, 26 })] // a JIT: its cost in each second
    [InlineData(8, new double[] { 40, 39, 38, 30, 29.5, 29 })]
    [InlineData(24, new double[] { 1000, 900, 800, 700, 600, 500, 450, 400, 350, 300, 250, 200, 180, 160, 140, 120, 100, 90, 80, 70, 60, 50, 40, 30, 20, 10 })]
    public void Work_is_repeated_until_it_gets_no_cheaper(int times, double[] costs)
    {
        int count = 0;
        SteadyCost.Await(() => costs[Math.Min(count++, costs.Length - 1)]);
        Assert.Equal(times, count);
    }

    [Fact]
    public void Work_of_unknown_cost_is_repeated_as_often_as_at_least()
    {
        int count = 0;
        SteadyCost.Await(() =>
        {
            count++;
            return null;
        });
        Assert.Equal(SteadyCost.Least, count);
    }
}
