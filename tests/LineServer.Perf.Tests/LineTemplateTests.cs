using System.Text;
using LineServer.Perf.Load;

namespace LineServer.Perf.Tests;

public class LineTemplateTests
{
    [Theory]
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
    public void A_line_says_its_connection_and_its_number()
    {
        using var template = new LineTemplate(LineSizes.Same(32), bytes: 1024);
        string line = Read(template, 4711, 123_456L * 32, 32);
        Assert.EndsWith("\n", line);
        Assert.Equal(31, line.IndexOf('\n'));
        ReadOnlySpan<byte> bytes = Encoding.ASCII.GetBytes(line);
        Assert.True(LineTemplate.TryRead(bytes, 4711, 123_456, out uint connection, out uint number));
        Assert.Equal((4711u, 123_456u), (connection, number));
        Assert.False(LineTemplate.TryRead(bytes[1..], 4711, 123_456, out _, out _));
        Assert.False(LineTemplate.TryRead(bytes[..7], 4711, 123_456, out _, out _));
    }

    private static unsafe string Read(LineTemplate template, int connection, long start, int size) =>
        Encoding.ASCII.GetString(template.Write(connection, start, size), size);
}
