using System.Globalization;
using LineServer.Perf.Reporting;
using LineServer.Perf.Reporting.Charts;

namespace LineServer.Perf.Tests.Reporting;

public class AxisTests
{
    [Theory]
    [InlineData(0, "0 1")]
    [InlineData(1, "0 0.25 0.5 0.75 1")]
    [InlineData(7, "0 2 4 6 8")]
    [InlineData(86_500, "0 25000 50000 75000 100000")]
    public void A_linear_axis_ends_at_a_round_number_that_holds_the_largest(double max, string ticks)
    {
        var axis = Axis.Linear(max, Text);
        Assert.StartsWith(ticks.Split(' ')[0], Labels(axis));
        Assert.EndsWith(ticks.Split(' ')[^1], Labels(axis));
        Assert.Equal(0, axis.At(0));
        Assert.True(axis.At(max) <= 1);
    }

    [Theory]
    [InlineData(0.9, 1.1)]
    [InlineData(0.5, 4)]
    [InlineData(20, 100_000)]
    [InlineData(0.001, 10_000_000)]
    public void A_logarithmic_axis_has_a_few_ticks_within_it(double min, double max)
    {
        var axis = Axis.Log(min, max, Text);
        Assert.InRange(axis.Ticks.Count, 2, 7);
        Assert.All(axis.Ticks, tick => Assert.InRange(tick.Value, min * 0.5, max * 2));
        Assert.True(axis.At(min) is > 0 and < 0.1 && axis.At(max) is > 0.9 and < 1);
        Assert.Equal(axis.At(Math.Sqrt(min * max)), (axis.At(min) + axis.At(max)) / 2, 6);
    }

    [Theory]
    [InlineData(false, 1.0, 5.0, 20.0)]
    [InlineData(true, 1.0, 5.0, 21.0)]
    [InlineData(false, 0.0, 10.0, 100.0)]
    [InlineData(true, -1.0, 1.0, 100.0)]
    [InlineData(false, 0.0, 0.0, 0.0)]
    [InlineData(false, -1.0, -100.0, 0.0)]
    public void Values_begin_at_0_unless_they_lie_too_far_apart(bool isLog, params double[] values)
    {
        var axis = Axis.For(values, Text);
        Assert.Equal(isLog, axis.IsLog);
        Assert.All(values, value => Assert.Equal(value <= 0, axis.At(value) == 0));
        Assert.All(values, value => Assert.InRange(axis.At(value), 0, 1));
    }

    [Theory]
    [InlineData(0.0005, "0.0005")]
    [InlineData(0.0001234, "0.000123")]
    [InlineData(0.0012, "0.001")]
    [InlineData(0.123, "0.12")]
    [InlineData(0, "0")]
    public void What_is_small_is_not_nothing(double value, string expected) => Assert.Equal(expected, Quantity.Ratio(value));

    [Fact]
    public void Names_of_ticks_do_not_run_into_each_other()
    {
        var axis = Axis.Log(1, 1000, [(10, "a long name"), (11, "next"), (1000, "last")]);
        Assert.Equal("a long name last", string.Join(' ', axis.Named(value => axis.At(value) * 300).Select(tick => tick.Label)));
    }

    [Theory]
    [InlineData("1.00 k/s", "1 k/s")]
    [InlineData("2.50 ms", "2.5 ms")]
    [InlineData("100 µs", "100 µs")]
    [InlineData("0 B", "0 B")]
    [InlineData("10.0", "10")]
    public void A_tick_says_no_more_than_it_must(string label, string expected) => Assert.Equal(expected, Quantity.Short(label));

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Labels(Axis axis) => string.Join(' ', axis.Ticks.Select(tick => tick.Label));
}
