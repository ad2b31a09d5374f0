using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests;

/// <summary>Counted messages, alone and beside lines. The rules about bytes are tested with the line reader.</summary>
public class FramingModeTests
{
    public static readonly TheoryData<Shape> Shapes = Support.Shapes.All;

    private static readonly (FramingMode Mode, string Stream, string Said)[] Cases =
    [
        (FramingMode.OctetCounted, "3 a\nb\n8 1234567\n1 c", "[a\nb]\n[1234567]\n[c]\n!PeerClosed"),
        (FramingMode.OctetCounted, "1 a9 12345678\n1 b7 \n\n", "[a]\n[12345678truncated]\n[b]\n[\n\nincomplete]\n!PeerClosed"),
        (FramingMode.OctetCounted, "1 a9 12345678\n1 bc\n1 d", "[a]\n[12345678truncated]\n[b]\n!FramingError"),
        (FramingMode.OctetCounted, "<1>a\n", "!FramingError"),
        (FramingMode.Auto, "<1>a\n3 b\nc\n2 \r\n\n\n1 <\r\nd\n", "[<1>a]\n[b\nc]\n[]\n[]\n[<]\n[]\n[d]\n!PeerClosed"),
        (FramingMode.Auto, "12a\n0 \n<1>345678\n10 1234567890\n1 b1", "[12a]\n[0 ]\n[<1>34567truncated]\n[12345678truncated]\n[b]\n[1incomplete]\n!PeerClosed"),
    ];

    private CloseReason _reason;

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task Each_shape_of_handler_gets_the_same_at_every_split(Shape shape)
    {
        foreach ((FramingMode mode, string stream, string said) in Cases)
        {
            Server server = Server.With(shape.Handler(Tell, (why, output) => output.Write(Encoding.UTF8.GetBytes("!" + why))), shape.Options(options =>
            {
                options.FramingMode = mode;
                options.Limits.MaxLineSize = 8;
                options.OversizeLineBehavior = OversizeLineBehavior.Truncate;
                options.IncompleteLineBehavior = IncompleteLineBehavior.Deliver;
            }));
            for (int cut = 0; cut <= stream.Length; cut++)
            {
                await using LineTestConnection client = server.Connect();
                for (int at = 0; at < stream.Length;)
                {
                    int next = cut == 0 ? at + 1 : at < cut ? cut : stream.Length;
                    await client.SendAsync(stream[at..next]);
                    at = next;
                }

                client.HalfClose();
                string actual = await client.ReadToEndAsync().InTime();
                Assert.True(said == actual, $"{shape} {mode} {stream} cut at {cut} (0: byte by byte): {actual}, not {said}");
            }
        }
    }

    [Fact]
    public async Task What_is_no_count_closes_in_order_and_is_counted_and_logged_escaped_once_a_second()
    {
        using var metrics = new Metrics("malformed metrics");
        Server server = Echo(FramingMode.OctetCounted, options => options.Name = "malformed metrics");
        foreach (string malformed in new[] { "\x1b[2J\n", "x", "0 y" })
        {
            await using LineTestConnection client = server.Connect();
            await client.SendAsync($"1 a2 bc{malformed}");
            Assert.Equal("a\nbc\n", await client.ReadToEndAsync().InTime());
            Assert.Equal(CloseReason.FramingError, _reason);
            await client.SendAsync("2 de");
            client.HalfClose();
            await client.Closed.InTime();
        }

        Assert.Equal((6, 3, 0), (metrics["lineserver.lines"], metrics["lineserver.lines.malformed"], metrics["lineserver.lines.incomplete"]));
        Assert.Equal(3, metrics["lineserver.connections.closed FramingError"]);
        string warning = Assert.Single(server.Log.At(LogLevel.Warning));
        Assert.Contains("with \"\\x1B[2J\\x0A\"; the connection is closed (0 more", warning, StringComparison.Ordinal);
        server.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Contains("3 FramingError", Assert.Single(server.Log.At(LogLevel.Information)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_count_beyond_the_limit_closes_before_its_message_comes()
    {
        Server server = Echo(FramingMode.Auto, options => options.Limits.MaxLineSize = 4);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("1 a5 ");
        Assert.Equal("a\n", await client.ReadToEndAsync().InTime());
        Assert.Equal(CloseReason.LineTooLong, _reason);
        Assert.Contains("a line is longer than 4 bytes (at least 5, begins \"5 \")", Assert.Single(server.Log.At(LogLevel.Warning)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("50 ")]
    [InlineData("50 abc\n")]
    [InlineData("9999 abc")]
    public async Task A_message_that_does_not_end_in_time_closes_from_the_first_byte_of_its_count_on(string head)
    {
        Server server = Echo(FramingMode.OctetCounted, options =>
        {
            options.Limits.MaxLineSize = 100;
            options.OversizeLineBehavior = OversizeLineBehavior.Truncate;
        });
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("1 a\n");
        server.Time.Advance(TimeSpan.FromSeconds(60));
        await client.SendAsync("1 b" + head);
        server.Time.Advance(TimeSpan.FromSeconds(29));
        await client.SendAsync(head == "1" ? "0" : "x");
        Assert.Equal(CloseReason.None, _reason);
        server.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("a\nb\n", await client.ReadToEndAsync().InTime());
        Assert.Equal(CloseReason.LineTimeout, _reason);
    }

    [Theory]
    [InlineData(OversizeLineBehavior.Discard)]
    [InlineData(OversizeLineBehavior.Truncate)]
    public async Task The_rest_of_an_oversize_message_is_timed_with_it_and_the_next_one_anew(OversizeLineBehavior oversize)
    {
        Server server = Echo(FramingMode.OctetCounted, options =>
        {
            options.Limits.MaxLineSize = 4;
            options.OversizeLineBehavior = oversize;
        });
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("8 xxx");
        server.Time.Advance(TimeSpan.FromSeconds(25));
        await client.SendAsync("xxxxx9 yy"); // the message has ended: the next one has 30 s
        server.Time.Advance(TimeSpan.FromSeconds(25));
        await client.SendAsync("yyyy");
        Assert.Equal(CloseReason.None, _reason);
        server.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(oversize == OversizeLineBehavior.Truncate ? "xxxx\nyyyy\n" : "", await client.ReadToEndAsync().InTime());
        Assert.Equal(CloseReason.LineTimeout, _reason);
    }

    [Fact]
    public void Another_delimiter_than_LF_fails_at_the_start()
    {
        OptionsValidationException error = Assert.Throws<OptionsValidationException>(() => LineTestConnection.Build(lines => lines.UseLines((in _, _) => { }, options =>
        {
            options.FramingMode = FramingMode.Auto;
            options.Delimiter = 0;
        })));
        Assert.Equal("Delimiter must be LF (10) with FramingMode Auto, not 0.", Assert.Single(error.Failures));
    }

    private static void Tell(AnyLine line, LineOutput reply)
    {
        reply.Write("["u8);
        reply.Write(line.Span);
        reply.Write(Encoding.UTF8.GetBytes($"{line.Mark}]\n"));
    }

    private Server Echo(FramingMode mode, Action<LineOptions> more) => Server.With(
        Shape.Batch.Handler((line, reply) => reply.WriteLine(line.Span), onDisconnected: why => _reason = why, onClosing: (why, _) => _reason = why),
        options =>
        {
            options.FramingMode = mode;
            more(options);
        });
}
