namespace LineServer.Client.Tests;

public class UnitsTests
{
    [Theory]
    [InlineData("30", 30)]
    [InlineData("0.5", 0.5)]
    [InlineData("500ms", 0.5)]
    [InlineData("30s", 30)]
    [InlineData("1.5m", 90)]
    [InlineData("2h", 7200)]
    public void A_time_is_seconds_or_has_a_unit(string text, double expected)
    {
        Assert.True(Units.TryParseTime(text, out double seconds));
        Assert.Equal(expected, seconds, precision: 9);
    }

    [Theory]
    [InlineData("64", 64)]
    [InlineData("64k", 64_000)]
    [InlineData("1.5k", 1_500)]
    [InlineData("2M", 2_000_000)]
    [InlineData("1G", 1_000_000_000)]
    public void A_count_is_plain_or_has_a_unit(string text, long expected)
    {
        Assert.True(Units.TryParseCount(text, out decimal count));
        Assert.Equal(expected, count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("k")]
    [InlineData("-1")]
    [InlineData("1e3")]
    [InlineData("1 s")]
    [InlineData("1x")]
    [InlineData("79228162514264337593543950335G")]
    public void Other_texts_are_neither(string text)
    {
        Assert.False(Units.TryParseTime(text, out _) && Units.TryParseCount(text, out _));
        Assert.False(Units.TryParseCount(text, out _));
    }
}
