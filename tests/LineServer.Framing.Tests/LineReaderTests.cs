using System.Buffers;
using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>The rules, one sentence each, without the reference parser: what both got wrong would show here.</summary>
public class LineReaderTests
{
    private static readonly LineFormat Four = new() { MaxLineSize = 4 };

    [Theory]
    [InlineData("a\nb\r\n\n\r\n", "a|b||")]
    [InlineData("a\rb\n\0\n\xFF\r\r\n", "a\rb|\0|\xFF\r")]
    [InlineData("half", "")]
    [InlineData("a\r", "")]
    public void A_line_ends_with_LF_and_one_CR_before_it_belongs_to_the_LF(string stream, string lines) =>
        Assert.Equal(lines, ReadAll(LineFormat.Default, stream).Lines);

    [Theory]
    [InlineData("a\r\0\nb\0\0", "a\r|\nb|")]
    [InlineData("a\r\n", "")]
    public void With_another_delimiter_CR_and_LF_are_data(string stream, string lines) =>
        Assert.Equal(lines, ReadAll(new LineFormat { Delimiter = 0 }, stream).Lines);

    [Theory]
    [InlineData(OversizeLineBehavior.Close, "abcd")]
    [InlineData(OversizeLineBehavior.Discard, "abcd|abcd|z")]
    [InlineData(OversizeLineBehavior.Truncate, "abcd|abcd(truncated)|abcd|z")]
    public void A_line_longer_than_the_limit(OversizeLineBehavior behavior, string lines)
    {
        (string read, LineReader reader) = ReadAll(Four with { OversizeLineBehavior = behavior }, "abcd\r\n", "abcd\re\nabcd\nz\n");
        Assert.Equal(lines, read);
        Assert.Equal(1, reader.OversizeLines);
        Assert.Equal(behavior == OversizeLineBehavior.Close, reader.IsOversize);
        Assert.Equal("abcd\re"u8.ToArray(), reader.LastOversizeLine.Prefix.ToArray());
    }

    [Fact]
    public void A_line_longer_than_the_limit_is_noticed_before_its_LF()
    {
        (string lines, LineReader reader) = ReadAll(Four with { OversizeLineBehavior = OversizeLineBehavior.Truncate }, "abcd", "e");
        Assert.Equal("abcd(truncated)", lines);
        Assert.Equal(5, reader.LastOversizeLine.LengthSeen);
        Assert.True(reader.HoldsPartialLine);
    }

    [Theory]
    [InlineData(IncompleteLineBehavior.Discard, "a")]
    [InlineData(IncompleteLineBehavior.Deliver, "a|bc\r(incomplete)")]
    public void Half_a_line_at_the_end_of_the_stream_is_counted(IncompleteLineBehavior behavior, string lines)
    {
        (string read, LineReader reader) = ReadAll(Four with { IncompleteLineBehavior = behavior }, isCompleted: true, "a\nbc\r");
        Assert.Equal(lines, read);
        Assert.Equal(3, reader.IncompleteLength);
        Assert.False(reader.HoldsPartialLine);
    }

    [Theory]
    [InlineData("abcd\r")]
    [InlineData("abcde")]
    [InlineData("abcdefgh")]
    public void At_the_end_of_the_stream_bytes_beyond_the_limit_are_an_oversize_line_and_not_an_incomplete_one(string stream)
    {
        LineFormat format = Four with { OversizeLineBehavior = OversizeLineBehavior.Truncate, IncompleteLineBehavior = IncompleteLineBehavior.Deliver };
        (string lines, LineReader reader) = ReadAll(format, isCompleted: true, stream);
        Assert.Equal("abcd(truncated)", lines);
        Assert.Equal((1, 0), (reader.OversizeLines, reader.IncompleteLength));
    }

    [Fact]
    public void Of_an_oversize_line_a_prefix_is_kept()
    {
        (_, LineReader reader) = ReadAll(Four with { OversizeLineBehavior = OversizeLineBehavior.Discard }, "0123456789012345678901234567890123456789\n");
        Assert.Equal(40, reader.LastOversizeLine.LengthSeen);
        Assert.Equal("01234567890123456789012345678901"u8.ToArray(), reader.LastOversizeLine.Prefix.ToArray());
    }

    [Fact]
    public void After_an_oversize_line_that_closes_no_line_comes_however_often_it_is_asked()
    {
        LineReader reader = new(Four);
        ReadOnlySequence<byte> buffer = Segments.Cut("a\nabcdefg\nb\n"u8.ToArray(), 0, 12, [5], LineFormat.LineFeed);
        for (int read = 0; read < 2; read++)
        {
            reader.BeginRead(buffer, isCompleted: false);
            Assert.Equal(read == 0, reader.TryRead(out _));
            Assert.False(reader.TryRead(out _));
            Assert.False(reader.TryRead(out _));
            Assert.True(reader.IsExhausted);
            Assert.Equal(1, reader.OversizeLines);
            Assert.False(reader.HoldsPartialLine);
            buffer = buffer.Slice(reader.EndRead());
            Assert.Equal(10, buffer.Length);
        }
    }

    [Fact]
    public void A_read_of_nothing_is_a_read()
    {
        LineReader reader = new(LineFormat.Default);
        foreach (ReadOnlySequence<byte> nothing in new[] { default, ReadOnlySequence<byte>.Empty, Segments.Cut([], 0, 0, [0, 0], 0) })
        {
            reader.BeginRead(nothing, isCompleted: false);
            Assert.False(reader.TryRead(out Line line));
            Assert.Equal(0, line.Span.Length);
            Assert.True(reader.Unread.IsEmpty);
            Assert.Equal(nothing.End, reader.EndRead());
        }
    }

    [Fact]
    public void Two_reads_at_once_are_refused()
    {
        LineReader reader = new(LineFormat.Default);
        reader.BeginRead(default, isCompleted: false);
        Assert.Throws<InvalidOperationException>(() => reader.BeginRead(default, isCompleted: false));
        reader.EndRead();
        reader.BeginRead(default, isCompleted: true);
        reader.EndRead();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(LineFormat.LargestMaxLineSize + 1)]
    public void A_limit_that_cannot_be_kept_is_refused(int size) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new LineFormat { MaxLineSize = size });

    [Fact]
    public void The_defaults_are_those_of_the_design()
    {
        LineFormat format = LineFormat.Default;
        Assert.Equal((byte)'\n', format.Delimiter);
        Assert.Equal(65536, format.MaxLineSize);
        Assert.Equal(OversizeLineBehavior.Close, format.OversizeLineBehavior);
        Assert.Equal(IncompleteLineBehavior.Discard, format.IncompleteLineBehavior);
    }

    private static (string Lines, LineReader Reader) ReadAll(LineFormat format, params string[] reads) => ReadAll(format, isCompleted: false, reads);

    /// <summary>Each read brings a piece of the stream; what the last one did not consume comes again before it.</summary>
    private static (string Lines, LineReader Reader) ReadAll(LineFormat format, bool isCompleted, params string[] reads)
    {
        LineReader reader = new(format);
        List<string> lines = [];
        byte[] unread = [];
        for (int i = 0; i < reads.Length; i++)
        {
            ReadOnlySequence<byte> buffer = new([.. unread, .. Encoding.Latin1.GetBytes(reads[i])]);
            reader.BeginRead(buffer, isCompleted && i == reads.Length - 1);
            foreach (Line line in reader)
            {
                lines.Add(Encoding.Latin1.GetString(line.Span) + (line.IsTruncated ? "(truncated)" : string.Empty) + (line.IsIncomplete ? "(incomplete)" : string.Empty));
            }

            unread = buffer.Slice(reader.EndRead()).ToArray();
        }

        return (string.Join('|', lines), reader);
    }
}
