using LineServer.Linux;

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
    [InlineData("00:01:30.5", 90.5)]
    public void A_time_is_seconds_or_has_a_unit(string text, double expected)
    {
        Assert.True(Units.TryParseTime(text, plainIsSeconds: true, out TimeSpan time));
        Assert.Equal(expected, time.TotalSeconds, precision: 6);
        Assert.Equal(!double.TryParse(text, out _), Units.TryParseTime(text, plainIsSeconds: false, out _));
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
    [InlineData("0", 0)]
    [InlineData("65536", 65_536)]
    [InlineData("64k", 65_536)]
    [InlineData("64K", 65_536)]
    [InlineData("64KiB", 65_536)]
    [InlineData("1.5M", 1_572_864)]
    [InlineData("2MiB", 2_097_152)]
    [InlineData("1G", 1_073_741_824)]
    public void A_size_is_bytes_or_has_a_unit_of_1024(string text, long expected)
    {
        Assert.True(Units.TryParseSize(text, out long bytes));
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData("64kB")]
    [InlineData("1.2")]
    [InlineData("k")]
    [InlineData("-1k")]
    [InlineData("1 k")]
    [InlineData("9223372036854775808")]
    [InlineData("79228162514264337593543950335G")]
    public void Other_texts_are_no_size(string text) => Assert.False(Units.TryParseSize(text, out _));

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
        Assert.False(Units.TryParseTime(text, plainIsSeconds: true, out _) && Units.TryParseCount(text, out _));
        Assert.False(Units.TryParseCount(text, out _));
    }
}
