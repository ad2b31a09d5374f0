using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>
/// The lines found do not depend on how a stream is split: each input is split at every position and byte by
/// byte, for every shape of handler.
/// </summary>
public class SplitTests
{
    public static readonly TheoryData<Shape> Shapes = Support.Shapes.All;

    private static readonly string[] Corpus =
    [
        "", "\n", "\r\n", "\n\n\nx\n", "a\r\nb\n\nc", "\r\r\n\r", "abc\n\0\xff\r\x01\ny\n", "12345678\n", "12345678\r\nz\n",
        "123456789\nafter\n", "ok\n123456789\r\nafter\n\nmore\n", "ok\n123456789", "ok\n12345678\r", "ok\n12345678\rx\nz\n",
        "123456789012345678901234567890\na\n123456789012\nb\n",
    ];

    [Theory]
    [MemberData(nameof(Shapes))]
    public Task Lines_over_the_limit_close(Shape shape) => EverySplitAsync(shape, OversizeLineBehavior.Close);

    [Theory]
    [MemberData(nameof(Shapes))]
    public Task Lines_over_the_limit_are_discarded(Shape shape) => EverySplitAsync(shape, OversizeLineBehavior.Discard);

    [Theory]
    [MemberData(nameof(Shapes))]
    public Task Lines_over_the_limit_are_truncated(Shape shape) => EverySplitAsync(shape, OversizeLineBehavior.Truncate);

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task Another_delimiter_leaves_CR_and_LF_alone(Shape shape)
    {
        Server server = Server.With(shape.Handler(Tell), shape.Options(options => options.Delimiter = 0));
        foreach (int piece in new[] { 1, 2, 100 })
        {
            Assert.Equal("[a\r\n]\0[]\0[\r]\0", await AnswerAsync(server, "a\r\n\0\0\r\0b"u8.ToArray(), piece));
        }
    }

    private static async Task EverySplitAsync(Shape shape, OversizeLineBehavior oversize)
    {
        foreach (IncompleteLineBehavior incomplete in Enum.GetValues<IncompleteLineBehavior>())
        {
            CloseReason reason = CloseReason.None;
            Server server = Server.With(
                shape.Handler(Tell, (why, output) => output.Write(Encoding.UTF8.GetBytes("!" + why)), why => reason = why),
                shape.Options(options =>
                {
                    options.Limits.MaxLineSize = 8;
                    options.OversizeLineBehavior = oversize;
                    options.IncompleteLineBehavior = incomplete;
                }));
            foreach (string text in Corpus)
            {
                byte[] payload = Encoding.Latin1.GetBytes(text);
                string expected = Reference(payload, oversize, incomplete);
                for (int cut = 0; cut <= payload.Length; cut++)
                {
                    string actual = await AnswerAsync(server, payload, cut);
                    Assert.True(expected == actual, $"{shape} {oversize} {incomplete} {Escape(text)} cut at {cut} (0: byte by byte): expected {Escape(expected)} not {Escape(actual)}");
                    Assert.EndsWith("!" + reason, expected);
                }
            }
        }
    }

    /// <param name="cut">Where to split; 0 means byte by byte.</param>
    private static async Task<string> AnswerAsync(Server server, byte[] payload, int cut)
    {
        await using LineTestConnection client = server.Connect();
        for (int at = 0; at < payload.Length;)
        {
            int next = cut == 0 ? at + 1 : at < cut ? Math.Min(cut, payload.Length) : payload.Length;
            await client.SendAsync(payload.AsMemory(at..next));
            at = next;
        }

        client.HalfClose();
        return await client.ReadToEndAsync().InTime();
    }

    private static void Tell(AnyLine line, LineOutput reply)
    {
        reply.Write("["u8);
        reply.Write(line.Span);
        reply.Write(Encoding.UTF8.GetBytes(line.Mark + "]"));
        reply.WriteLine("");
    }

    /// <summary>The framing rules again, implemented the slow way over the whole stream.</summary>
    private static string Reference(byte[] payload, OversizeLineBehavior oversize, IncompleteLineBehavior incomplete)
    {
        var said = new MemoryStream();
        void Say(string text) => said.Write(Encoding.UTF8.GetBytes(text));
        int at = 0;
        while (at < payload.Length)
        {
            int end = Array.IndexOf(payload, (byte)'\n', at);
            bool isIncomplete = end < 0;
            byte[] line = payload[at..(isIncomplete ? payload.Length : end)];
            at = isIncomplete ? payload.Length : end + 1;
            if (!isIncomplete && line is [.., (byte)'\r'])
            {
                line = line[..^1];
            }

            if (line.Length > 8)
            {
                if (oversize == OversizeLineBehavior.Close)
                {
                    Say("!LineTooLong");
                    return Encoding.UTF8.GetString(said.ToArray());
                }

                if (oversize == OversizeLineBehavior.Discard)
                {
                    continue;
                }
            }
            else if (isIncomplete && incomplete == IncompleteLineBehavior.Discard)
            {
                continue;
            }

            Say("[");
            said.Write(line.AsSpan(0, Math.Min(line.Length, 8)));
            Say(line.Length > 8 ? "truncated]\n" : isIncomplete ? "incomplete]\n" : "]\n");
        }

        Say("!PeerClosed");
        return Encoding.UTF8.GetString(said.ToArray());
    }

    private static string Escape(string text) => Internal.LogText.Escape(Encoding.UTF8.GetBytes(text));
}
