using LineServer.Perf.Comparing;

namespace LineServer.Perf.Tests.Reporting;

public class SpreadTests
{
    [Fact]
    public void The_median_is_the_middle_one_or_between_the_two_middle_ones()
    {
        Assert.Equal((2, 1, 9), Summed(9, 1, 2));
        Assert.Equal((3, 1, 9), Summed(9, 1, 2, 4));
        Assert.Equal((5, 5, 5), Summed(5));
    }

    [Fact]
    public void What_is_no_number_does_not_count()
    {
        Assert.Null(Spread.Of([]));
        Assert.Null(Spread.Of([null, double.NaN, double.PositiveInfinity]));
        Assert.Equal([1, 2], Spread.Of([2, null, double.NaN, 1])!.Rounds);
    }

    [Theory]
    [InlineData(3, new[] { 1.1, 1.2, 1.3 })]
    [InlineData(2, new[] { 0.9, 1.2, 1.3 })]
    [InlineData(3, new[] { 0.9, 0.8, 0.7 })]
    [InlineData(1, new[] { 1, 1, 1.1 })]
    [InlineData(0, new[] { 1.0, 1.0 })]
    public void The_side_on_which_most_lie_is_counted(int expected, double[] values) =>
        Assert.Equal(expected, Spread.Of(values.Select(value => (double?)value))!.OnOneSideOf(1));

    [Fact]
    public void What_does_not_vary_has_no_brackets()
    {
        Assert.Equal("2.00 [1.00..3.00]", Spread.Of([1, 2, 3])!.Format("0.00"));
        Assert.Equal("2.00", Spread.Of([2, 2])!.Format("0.00"));
    }

    private static (double Median, double Min, double Max) Summed(params double[] values)
    {
        Spread spread = Spread.Of(values.Select(value => (double?)value))!;
        return (spread.Median, spread.Min, spread.Max);
    }
}
