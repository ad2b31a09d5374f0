using System.Text;
using LineServer.Client.Streams;
using LineServer.Framing;

namespace LineServer.Client.Tests.Streams;

public class LineCursorTests
{
    [Fact]
    public void Whole_lines_are_found_as_a_search_line_by_line_finds_them()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = [.. Enumerable.Range(0, random.Next(40)).Select(_ => random.Next(5) == 0 ? (byte)'\n' : (byte)'x')];
            long max = random.Next(12);

            int length = LineCursor.LengthOfFittingLines(bytes, max, out bool tooLong);

            (int expected, bool expectedTooLong) = LineByLine(bytes, max);
            Assert.True((expected, expectedTooLong) == (length, tooLong), $"seed {seed}, max {max}: {Encoding.ASCII.GetString(bytes)}");
        }
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(100_000)]
    [InlineData(7)]
    public void All_whole_lines_are_read_in_order_with_their_count_and_checksum(int most)
    {
        // Lines shorter than the buffer of 256 KiB, as long, and longer; an unfinished one at the end.
        int[] lengths = [0, 1, 5, 65_536, 262_142, 262_143, 262_144, 262_145, 700_000, 0, 0, 3];
        byte[] bytes = most == 7
            ? Encoding.ASCII.GetBytes("a\n\nbcdefghijklmnop\nunfinished")
            : [.. lengths.SelectMany(length => Enumerable.Repeat((byte)'x', length).Append((byte)'\n')), .. "unfinished"u8];
        int whole = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        LineCursor cursor = NewCursor(bytes, most, out StreamMarks marks);

        using var read = new MemoryStream();
        while (cursor.Read(1_000_000) is { IsEmpty: false } part)
        {
            read.Write(part.Span);
        }

        Assert.Equal(bytes[..whole], read.ToArray());
        var end = new StreamMark(bytes.Count(b => b == '\n'), whole, Crc32C.Of(bytes.AsSpan(0, whole)));
        Assert.Equal(end, cursor.Position);
        Assert.Equal(bytes.Length, cursor.End);
        Assert.Equal(end, marks.Acknowledge(end.Lines));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(50_000)]
    [InlineData(99_999)]
    [InlineData(100_000)]
    public void A_place_is_found_by_the_number_of_lines_before_it(int lines)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 100_000).Select(i => $"{i}\n")));
        LineCursor cursor = NewCursor(bytes, 10_000, out _);

        Assert.True(cursor.TryMoveTo(lines, TestContext.Current.CancellationToken));

        int offset = Encoding.ASCII.GetByteCount(string.Concat(Enumerable.Range(0, lines).Select(i => $"{i}\n")));
        Assert.Equal(new StreamMark(lines, offset, Crc32C.Of(bytes.AsSpan(0, offset))), cursor.Position);
    }

    [Fact]
    public void A_place_behind_the_last_whole_line_is_not_found()
    {
        LineCursor cursor = NewCursor("a\nb\nc"u8.ToArray(), 1, out _);
        Assert.False(cursor.TryMoveTo(3, TestContext.Current.CancellationToken));
        Assert.Equal(2, cursor.LinesFound);
    }

    [Theory]
    [InlineData("a\nbb\nccc\nd\n", 2, 5, 3)]
    [InlineData("ccc\n", 2, 0, 1)]
    [InlineData("a\nccc", 2, 2, 2)]
    public void What_comes_before_a_line_that_is_too_long_is_read_and_nothing_of_that_line(string text, int max, int before, int number)
    {
        LineCursor cursor = NewCursor(Encoding.ASCII.GetBytes(text), int.MaxValue, out _);
        if (before > 0)
        {
            Assert.Equal(before, cursor.Read(max).Length);
        }

        StreamProblemException e = Assert.Throws<StreamProblemException>(() => cursor.Read(max));
        Assert.Contains($"line {number} of the stream is longer than the server takes ({max} bytes)", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(300_000, true)]
    [InlineData(300_001, false)]
    public void A_line_that_is_longer_than_the_buffer_is_measured_before_it_is_read(int length, bool fits)
    {
        LineCursor cursor = NewCursor([.. Enumerable.Repeat((byte)'x', length), (byte)'\n'], int.MaxValue, out _);
        if (fits)
        {
            Assert.Equal(262_144, cursor.Read(300_000).Length);
            Assert.Equal(0, cursor.Position.Lines);
            Assert.Equal(length + 1 - 262_144, cursor.Read(300_000).Length);
            Assert.Equal(1, cursor.Position.Lines);
        }
        else
        {
            Assert.Throws<StreamProblemException>(() => cursor.Read(300_000));
        }
    }

    private static LineCursor NewCursor(byte[] bytes, int most, out StreamMarks marks)
    {
        marks = new StreamMarks();
        return new(new MemorySource(bytes, most), marks);
    }

    private static (int Length, bool TooLong) LineByLine(byte[] bytes, long max)
    {
        int start = 0;
        while (true)
        {
            int lineFeed = Array.IndexOf(bytes, (byte)'\n', start);
            int length = (lineFeed < 0 ? bytes.Length : lineFeed) - start;
            if (length > max || lineFeed < 0)
            {
                return (start, length > max);
            }

            start = lineFeed + 1;
        }
    }
}
