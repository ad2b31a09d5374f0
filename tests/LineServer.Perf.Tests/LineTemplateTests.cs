using System.Text;
using LineServer.Perf.Load;

namespace LineServer.Perf.Tests;

public class LineTemplateTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(17)]
    [InlineData(32)]
    [InlineData(4096)]
    public void The_same_stream_comes_wherever_it_is_begun_and_cut(int lineSize)
    {
        using var template = new LineTemplate(LineSizes.Same(lineSize), bytes: 3 * lineSize);
        string whole = Read(template, 7, 5L * lineSize, 3 * lineSize);
        for (int cut = 0; cut < 2 * lineSize; cut += Math.Max(1, lineSize / 50))
        {
            string first = cut == 0 ? "" : Read(template, 7, 5L * lineSize, cut);
            string second = Read(template, 7, (5L * lineSize) + cut, (3 * lineSize) - cut);
            Assert.Equal(whole, first + second);
        }
    }

    [Fact]
    public void Lines_of_mixed_sizes_are_a_stream_too()
    {
        var sizes = LineSizes.Mixed(8, 600);
        using var template = new LineTemplate(sizes, bytes: 2000);
        string whole = string.Concat(Enumerable.Range(0, 100).Select(line => Read(template, 7, sizes.StartOf(line), sizes.SizeOf(line))));
        Assert.Equal(100, whole.Count(letter => letter == '\n'));
        Assert.Equal(sizes.StartOf(100), whole.Length);
        for (int start = 0; start < whole.Length - 2000; start += 37)
        {
            Assert.Equal(whole.Substring(start, 2000), Read(template, 7, start, 2000));
        }

        string[] lines = whole.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(100, lines.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(Enumerable.Range(0, 100).Select(line => sizes.SizeOf(line) - 1), lines.Select(line => line.Length));
    }

    [Fact]
    public void A_line_says_its_connection_and_its_number()
    {
        using var template = new LineTemplate(LineSizes.Same(32), bytes: 1024);
        string line = Read(template, 4711, 123_456L * 32, 32);
        Assert.EndsWith("\n", line);
        Assert.Equal(31, line.IndexOf('\n'));
        ReadOnlySpan<byte> bytes = Encoding.ASCII.GetBytes(line);
        Assert.True(LineTemplate.TryRead(bytes, 0, 0, out uint connection, out uint number));
        Assert.Equal((4711u, 123_456u), (connection, number));
        Assert.False(LineTemplate.TryRead(bytes[1..], 0, 0, out _, out _));
        Assert.False(LineTemplate.TryRead(bytes[..15], 0, 0, out _, out _));
    }

    [Theory]
    [InlineData(8, 65_530, 65_538)] // It has four letters of the place: enough for 65,536 places.
    [InlineData(8, 65_538, 65_530)]
    [InlineData(8, 3, 2)]
    [InlineData(12, 1_000_000, 1_000_007)]
    [InlineData(16, 1_000_000, 999_999)]
    public void A_short_line_says_the_last_digits_and_the_nearest_number_with_them_is_meant(int lineSize, uint expected, uint came)
    {
        using var template = new LineTemplate(LineSizes.Same(lineSize), bytes: 1024);
        byte[] line = Encoding.ASCII.GetBytes(Read(template, 17, (long)came * lineSize, lineSize));
        Assert.True(LineTemplate.TryRead(line, 18, expected, out uint connection, out uint number));
        Assert.Equal((17u, came), (connection, number));
    }

    private static unsafe string Read(LineTemplate template, int connection, long start, int size) =>
        Encoding.ASCII.GetString(template.Write(connection, start, size), size);
}
