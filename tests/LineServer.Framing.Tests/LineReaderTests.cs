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

    [Theory]
    [InlineData("5 hello3 abc", "hello|abc")]
    [InlineData("5 a\nb\0c1 \n", "a\nb\0c|")]
    [InlineData("3 ab\n4 cd\r\n2 \r\n3 e\n\n", "ab|cd||e\n")]
    [InlineData("1 a\n1 b", "a|b")]
    public void A_message_has_as_many_bytes_as_its_count_says_and_a_terminator_counted_in_is_stripped(string stream, string lines)
    {
        Assert.Equal(lines, ReadAll(new LineFormat { Mode = FramingMode.OctetCounted }, stream).Lines);
        Assert.Equal(lines, ReadAll(new LineFormat { Mode = FramingMode.Auto }, stream).Lines);
    }

    [Theory]
    [InlineData("1 a\n\n1 b", "a", "\n1 b")]
    [InlineData("1 ahello\n", "a", "hello\n")]
    [InlineData("0 1 a", "", "0 1 a")]
    [InlineData("01 a", "", "01 a")]
    [InlineData("1\ta", "", "1\ta")]
    [InlineData(" 1 a", "", " 1 a")]
    [InlineData("-1 a", "", "-1 a")]
    [InlineData("12345678901", "", "12345678901")]
    public void Where_each_message_is_counted_anything_else_ends_reading(string stream, string lines, string prefix)
    {
        (string read, LineReader reader) = ReadAll(new LineFormat { Mode = FramingMode.OctetCounted }, stream);
        Assert.Equal(lines, read);
        Assert.True(reader.IsMalformed);
        Assert.False(reader.HoldsPartialLine);
        Assert.Equal(prefix, Encoding.Latin1.GetString(reader.MalformedPrefix.Span));
    }

    [Theory]
    [InlineData("<1>a\n3 b\nc<2>d\r\n1 e", "<1>a|b\nc|<2>d|e")]
    [InlineData("1 a\n\n1 b\n", "a||b")]
    [InlineData("2024-01-01 a\n0 \n01 b\n1\t\n12345678901 c\n", "2024-01-01 a|0 |01 b|1\t|12345678901 c")]
    [InlineData("4 hello\nb\n", "hell|o|b")]
    public void Beside_counted_messages_everything_else_is_a_line(string stream, string lines)
    {
        (string read, LineReader reader) = ReadAll(new LineFormat { Mode = FramingMode.Auto }, stream);
        Assert.Equal(lines, read);
        Assert.False(reader.IsMalformed);
    }

    [Theory]
    [InlineData(OversizeLineBehavior.Close, "a")]
    [InlineData(OversizeLineBehavior.Discard, "a|b")]
    [InlineData(OversizeLineBehavior.Truncate, "a|1 23(truncated)|b")]
    public void A_count_beyond_the_limit_is_noticed_before_its_message_and_exactly_that_is_skipped(OversizeLineBehavior behavior, string lines)
    {
        LineFormat format = Four with { Mode = FramingMode.OctetCounted, OversizeLineBehavior = behavior };
        (string read, LineReader reader) = ReadAll(format, "1 a5 ");
        Assert.Equal("a", read);
        Assert.Equal((1, 5), (reader.OversizeLines, reader.LastOversizeLine.LengthSeen));
        Assert.Equal("5 "u8.ToArray(), reader.LastOversizeLine.Prefix.ToArray());
        Assert.Equal(behavior != OversizeLineBehavior.Close, reader.HoldsPartialLine);
        Assert.Equal(lines, ReadAll(format, "1 a5 1 23\n1 b").Lines);
    }

    [Theory]
    [InlineData("1 a12", 2, "a")]
    [InlineData("1 a3 ", 2, "a")]
    [InlineData("1 a3 bc", 4, "a|bc(incomplete)")]
    [InlineData("1 a9 bc", 4, "a|bc(truncated)(incomplete)")]
    [InlineData("1 a\n", 0, "a")]
    public void Part_of_a_message_at_the_end_of_the_stream_is_counted(string stream, int incomplete, string delivered)
    {
        LineFormat format = Four with { Mode = FramingMode.OctetCounted, OversizeLineBehavior = OversizeLineBehavior.Truncate };
        (string read, LineReader reader) = ReadAll(format with { IncompleteLineBehavior = IncompleteLineBehavior.Deliver }, isCompleted: true, stream);
        Assert.Equal(delivered, read);
        Assert.Equal(incomplete, reader.IncompleteLength);
        Assert.Equal("a", ReadAll(format, isCompleted: true, stream).Lines);
    }

    [Fact]
    public void A_message_whose_count_has_begun_is_a_partial_line()
    {
        foreach (string head in new[] { "1", "12 ", "12 abc\n" })
        {
            (string lines, LineReader reader) = ReadAll(new LineFormat { Mode = FramingMode.Auto }, $"1 a\n{head}");
            Assert.Equal("a", lines);
            Assert.True(reader.HoldsPartialLine);
            Assert.Equal(head.Length, reader.PartialLineLength);
        }
    }

    [Fact]
    public void A_line_says_whether_it_was_counted_and_whether_it_has_a_terminator()
    {
        LineReader reader = new(new LineFormat { Mode = FramingMode.Auto });
        reader.BeginRead(new ReadOnlySequence<byte>("1 a3 b\r\nc\n"u8.ToArray()), isCompleted: false);
        List<(bool, bool, string)> read = [];
        foreach (Line line in reader)
        {
            read.Add((line.IsCounted, line.HasTerminator, Encoding.Latin1.GetString(line.RawSpan)));
        }

        reader.EndRead();
        Assert.Equal([(true, false, "a"), (true, true, "b\r\n"), (false, true, "c\n")], read);
    }

    [Fact]
    public void Bytes_may_be_taken_between_messages()
    {
        LineReader reader = new(Four with { Mode = FramingMode.OctetCounted, OversizeLineBehavior = OversizeLineBehavior.Truncate });
        reader.BeginRead(new ReadOnlySequence<byte>("1 a\n2 x6 abcdefpay1 b"u8.ToArray()), isCompleted: false);
        Assert.True(reader.TryRead(out _));
        Assert.True(reader.TryReadBytes(4, out ReadOnlySequence<byte> bytes));
        Assert.Equal("\n2 x"u8.ToArray(), bytes.ToArray());
        Assert.True(reader.TryRead(out Line line));
        Assert.True(line.IsTruncated);
        Assert.True(reader.TryReadBytes(3, out bytes));
        Assert.Equal("pay"u8.ToArray(), bytes.ToArray());
        Assert.True(reader.TryRead(out line));
        Assert.Equal("b"u8.ToArray(), line.Span.ToArray());
        reader.EndRead();
    }

    [Fact]
    public void What_was_taken_for_an_oversize_message_may_still_be_bytes()
    {
        LineReader reader = new(Four with { Mode = FramingMode.Auto, OversizeLineBehavior = OversizeLineBehavior.Truncate });
        reader.BeginRead(new ReadOnlySequence<byte>("9 ab"u8.ToArray()), isCompleted: false);
        Assert.False(reader.TryRead(out _));
        Assert.False(reader.TryReadBytes(5, out _));
        Assert.False(reader.TryRead(out _));
        Assert.Equal(1, reader.OversizeLines);
        Assert.True(reader.TryReadBytes(4, out _));
        reader.EndRead();
        reader.BeginRead(new ReadOnlySequence<byte>("8 abcd"u8.ToArray()), isCompleted: false);
        Assert.True(reader.TryRead(out Line line));
        Assert.True(line.IsTruncated);
        Assert.Equal(2, reader.OversizeLines);
        reader.EndRead();
    }

    [Fact]
    public void An_LF_after_bytes_that_were_taken_is_an_empty_line()
    {
        LineReader reader = new(new LineFormat { Mode = FramingMode.Auto });
        reader.BeginRead(new ReadOnlySequence<byte>("1 apay\n1 b\n"u8.ToArray()), isCompleted: false);
        Assert.True(reader.TryRead(out _));
        Assert.True(reader.TryReadBytes(0, out _));
        Assert.True(reader.TryReadBytes(3, out _));
        Assert.True(reader.TryRead(out Line line));
        Assert.Equal((0, false), (line.Length, line.IsCounted));
        Assert.True(reader.TryRead(out line));
        Assert.Equal("b"u8.ToArray(), line.Span.ToArray());
        Assert.True(reader.TryReadBytes(0, out _));
        Assert.False(reader.TryRead(out _));
        Assert.True(reader.Unread.IsEmpty);
        reader.EndRead();
    }

    [Theory]
    [InlineData(FramingMode.OctetCounted)]
    [InlineData(FramingMode.Auto)]
    public void Counted_messages_need_LF_as_the_delimiter(FramingMode mode) =>
        Assert.Throws<ArgumentException>(() => new LineReader(new LineFormat { Mode = mode, Delimiter = 0 }));

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
        Assert.Equal(FramingMode.Lines, format.Mode);
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
