using System.Buffers;
using System.Globalization;
using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>A protocol with payloads: a line that begins with a digit is followed by as many bytes.</summary>
public class TryReadBytesTests
{
    private const int Limit = 20;

    private static readonly string[] Streams =
    [
        "0\n5\na\nb\rcplain\n3 x\r\n\n\n\nend\n",
        "9 123456\r\nab\r\n\n\0\xFFyzlast\n1\n\n1\n\r1\n2",
        "plain\n\n4\nabcd4\n\r\n\r\n" + "more\n",
        "7 this line is longer than the limit\n1234\n67after\n3 so is this one, by more than the limit\r\n\n\n\nend\n",
        "8 a payload longer than a line may be is none\n12345678next\n" + "9" + "\n\n\n\n\n\n\n\n\n\n" + "\n",
        string.Concat(Enumerable.Repeat("3\n\n\n\nx\n", 60)),
    ];

    [Fact]
    public void Payloads_are_the_same_for_every_cut()
    {
        foreach (string text in Streams)
        {
            byte[] stream = Encoding.Latin1.GetBytes(text);
            string expected = Parse(text);
            int[] all = [.. Enumerable.Range(0, stream.Length)];
            foreach (Way way in new[] { Way.Foreach, Way.TryRead, Way.Visitor })
            {
                Assert.Equal(expected, Read(stream, all, [], way));
                Assert.Equal(expected, Read(stream, [], all, way));
                Assert.Equal(expected, Read(stream, all, all, way));
                for (int split = 0; split <= stream.Length; split++)
                {
                    Assert.Equal(expected, Read(stream, [split], [], way));
                    Assert.Equal(expected, Read(stream, [], [split, split], way));
                    Assert.Equal(expected, Read(stream, [split], [split / 2, split], way));
                }
            }
        }
    }

    [Fact]
    public void A_payload_that_is_not_there_yet_takes_nothing()
    {
        LineReader reader = new(LineFormat.Default);
        reader.BeginRead(new ReadOnlySequence<byte>("5\nabcd"u8.ToArray()), isCompleted: false);
        Assert.True(reader.TryRead(out _));
        Assert.False(reader.TryReadBytes(5, out ReadOnlySequence<byte> bytes));
        Assert.True(bytes.IsEmpty);
        Assert.Equal(4, reader.Unread.Length);
        Assert.Equal(1, reader.LinesTaken);
        Assert.True(reader.TryReadBytes(0, out bytes));
        Assert.True(bytes.IsEmpty);
        Assert.True(reader.TryReadBytes(4, out bytes));
        Assert.Equal("abcd"u8.ToArray(), bytes.ToArray());
        Assert.True(reader.Unread.IsEmpty);
        Assert.False(reader.TryReadBytes(1, out _));
        Assert.Equal(1, reader.LinesTaken);
        Assert.Throws<ArgumentOutOfRangeException>(() => reader.TryReadBytes(-1, out _));
    }

    [Fact]
    public void What_was_taken_for_a_line_may_still_be_a_payload()
    {
        LineReader reader = new(LineFormat.Default);
        reader.BeginRead(new ReadOnlySequence<byte>("ab"u8.ToArray()), isCompleted: false);
        Assert.False(reader.TryRead(out _));
        Assert.True(reader.HoldsPartialLine);
        Assert.False(reader.TryReadBytes(3, out _));
        Assert.False(reader.HoldsPartialLine);
        Assert.True(reader.TryReadBytes(1, out ReadOnlySequence<byte> bytes));
        Assert.Equal("a"u8.ToArray(), bytes.ToArray());
        Assert.False(reader.HoldsPartialLine);
        reader.EndRead();
        reader.BeginRead(new ReadOnlySequence<byte>("b\nc\n"u8.ToArray()), isCompleted: false);
        Assert.True(reader.TryRead(out Line line));
        Assert.Equal("b"u8.ToArray(), line.Span.ToArray());
        reader.EndRead();
    }

    private static string Parse(string text)
    {
        StringBuilder log = new();
        for (int at = 0; at < text.Length;)
        {
            int end = text.IndexOf('\n', at);
            if (end < 0)
            {
                break;
            }

            string line = text[at..end];
            line = line.EndsWith('\r') ? line[..^1] : line;
            log.Append('[').Append(line.Length > Limit ? line[..Limit] : line).Append(']');
            at = end + 1;
            int payload = PayloadAfter(line);
            if (at + payload > text.Length)
            {
                break;
            }

            log.Append('(').Append(text, at, payload).Append(')');
            at += payload;
        }

        return log.ToString();
    }

    private static string Read(byte[] stream, int[] reads, int[] cuts, Way way)
    {
        StringBuilder log = new();
        LineReader reader = new(new LineFormat { MaxLineSize = Limit, OversizeLineBehavior = OversizeLineBehavior.Truncate });
        int consumed = 0;
        int payload = -1;
        foreach (int end in reads.Append(stream.Length))
        {
            ReadOnlySequence<byte> buffer = Segments.Cut(stream, consumed, end, cuts, LineFormat.LineFeed);
            reader.BeginRead(buffer, isCompleted: false);
            int lines = 0;
            bool more = true;
            while (more)
            {
                if (payload >= 0)
                {
                    more = reader.TryReadBytes(payload, out ReadOnlySequence<byte> bytes);
                    if (more)
                    {
                        log.Append('(').Append(Encoding.Latin1.GetString(bytes)).Append(')');
                        payload = -1;
                    }
                }
                else
                {
                    more = TryTake(reader, way, log, out payload);
                    lines += more ? 1 : 0;
                }

                Assert.Equal(lines, reader.LinesTaken);
            }

            consumed += (int)buffer.Slice(0, reader.EndRead()).Length;
        }

        return log.ToString();
    }

    private static bool TryTake(LineReader reader, Way way, StringBuilder log, out int payload)
    {
        string? text = null;
        switch (way)
        {
            case Way.Foreach:
                foreach (Line line in reader)
                {
                    text = Encoding.Latin1.GetString(line.Span);
                    break;
                }

                break;
            case Way.TryRead:
                text = reader.TryRead(out Line next) ? Encoding.Latin1.GetString(next.Span) : null;
                break;
            default:
                One one = default;
                reader.ReadLines(ref one);
                text = one.Text;
                break;
        }

        log.Append(text is null ? string.Empty : $"[{text}]");
        payload = text is null ? -1 : PayloadAfter(text);
        return text is not null;
    }

    private static int PayloadAfter(string line) =>
        line.Length > 0 && char.IsAsciiDigit(line[0]) ? int.Parse(line.AsSpan(0, 1), CultureInfo.InvariantCulture) : 0;

    private struct One : ILineVisitor
    {
        public string? Text { get; private set; }

        public bool OnLine(scoped Line line)
        {
            Text = Encoding.Latin1.GetString(line.Span);
            return false;
        }
    }
}
