using System.Text;
using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

public class ReplyParserTests
{
    private const string Conversation =
        "HELLO\r\nOK 1200 crc32c=5f1c22b0 max=65536 first=1 store=7b21c0de9a4410f3 durability=synced\nACK 1202\n\nACK 9223372036854775807\r\n" +
        "ERR 503 draining retry=30 soon\nBYE 1202 17\n";

    [Fact]
    public void Replies_do_not_depend_on_where_the_bytes_are_cut()
    {
        byte[] bytes = Encoding.Latin1.GetBytes(Conversation);
        StreamReply[] whole = [.. Read(bytes)];
        Assert.Equal(
            [StreamReplyKind.Attached, StreamReplyKind.Acknowledged, StreamReplyKind.Acknowledged, StreamReplyKind.Failed, StreamReplyKind.Ended],
            whole.Select(reply => reply.Kind));
        Assert.Equal([1200, 1202, long.MaxValue, 0, 1202], whole.Select(reply => reply.Count));

        for (int first = 0; first <= bytes.Length; first++)
        {
            Assert.Equal(whole, Read(bytes[..first], bytes[first..]));
        }

        Assert.Equal(whole, Read([.. bytes.Select(b => new[] { b })]));
    }

    [Fact]
    public void OK_carries_all_that_it_says()
    {
        StreamStatus status = Read(Encoding.Latin1.GetBytes(Conversation))[0].Status!;
        Assert.Equal(
            new StreamStatus { Count = 1200, Crc32C = 0x5f1c22b0, MaxLineSize = 65536, FirstLine = 1, StoreId = "7b21c0de9a4410f3", Durability = "synced" },
            status);
    }

    [Fact]
    public void Keys_that_are_unknown_or_make_no_sense_leave_the_defaults()
    {
        StreamStatus status = Read("OK 0 x crc32c=12 crc32c=zzzzzzzz max=-1 max= first=x =5 = more=1\n"u8.ToArray())[0].Status!;
        Assert.Equal(new StreamStatus { Count = 0 }, status);
        Assert.Equal((null, long.MaxValue, 1), (status.Crc32C, status.MaxLineSize, status.FirstLine));
    }

    [Theory]
    [InlineData("OK")]
    [InlineData("OK -1")]
    [InlineData("OK 1x crc32c=00000000")]
    [InlineData("ok 1")]
    [InlineData("ACK")]
    [InlineData("ACK 9223372036854775808")]
    [InlineData("ACKNOWLEDGED 1")]
    [InlineData("ERR")]
    [InlineData("ERR 50 x")]
    [InlineData("ERR 5030 x")]
    [InlineData(" ")]
    [InlineData("")]
    [InlineData("\0")]
    public void Other_lines_are_skipped(string line) =>
        Assert.Equal([7], Read(Encoding.Latin1.GetBytes(line + "\nACK 7\n")).Select(reply => reply.Count));

    [Theory]
    [InlineData(4095, 2)]
    [InlineData(4097, 1)]
    [InlineData(1_000_000, 1)]
    public void A_line_that_is_longer_than_any_known_one_is_skipped(int length, int replies)
    {
        string text = ("ACK 1 " + new string('x', length))[..length] + "\nACK 2\n";
        Assert.Equal(replies, Read(Encoding.Latin1.GetBytes(text)).Length);
        Assert.Equal(replies, Read([.. Encoding.Latin1.GetBytes(text).Chunk(1000)]).Length);
    }

    [Theory]
    [InlineData(400, true)]
    [InlineData(401, true)]
    [InlineData(408, false)]
    [InlineData(409, true)]
    [InlineData(413, true)]
    [InlineData(416, true)]
    [InlineData(499, true)]
    [InlineData(503, false)]
    [InlineData(507, false)]
    [InlineData(599, false)]
    [InlineData(600, true)]
    [InlineData(999, true)]
    public void An_error_is_final_unless_time_may_help(int code, bool isFinal)
    {
        StreamReply reply = Read(Encoding.Latin1.GetBytes($"ERR {code} some text\n"))[0];
        Assert.Equal((code, "some text", isFinal), (reply.Code, reply.Text, reply.IsFinal));
    }

    [Theory]
    [InlineData("draining retry=30", 30)]
    [InlineData("retry=0", 0)]
    [InlineData("busy retry=99999999999999 now", 86400)]
    [InlineData("busy retry=", null)]
    [InlineData("busy retry=-5", null)]
    [InlineData("busy", null)]
    [InlineData("", null)]
    public void The_time_to_wait_is_found_in_the_text(string text, int? seconds) =>
        Assert.Equal(seconds, Read(Encoding.Latin1.GetBytes($"ERR 503 {text}\n"))[0].RetryAfter?.TotalSeconds);

    private static StreamReply[] Read(params byte[][] parts)
    {
        var parser = new ReplyParser();
        var replies = new List<StreamReply>();
        foreach (byte[] part in parts)
        {
            ReadOnlySpan<byte> rest = part;
            while (parser.TryRead(ref rest, out StreamReply reply))
            {
                replies.Add(reply);
            }

            Assert.True(rest.IsEmpty);
        }

        return [.. replies];
    }
}
