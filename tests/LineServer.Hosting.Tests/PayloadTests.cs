using System.Buffers;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>
/// After a line "N" come N bytes of any value. Batch and asynchronous handlers answer "N:bytes;".
/// </summary>
public class PayloadTests
{
    public static readonly TheoryData<string> Shapes = ["async", "waiting", "batch"];

    private CloseReason _reason;
    private LineConnection? _connection;

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task Payloads_come_whole_at_every_split(string shape)
    {
        byte[] stream = "3\na\nb0\n5\n\n\n\n\n\n2\r\n\r\nquiet 2\nxx1\nz"u8.ToArray();
        const string Expected = "3:a\nb;0:;5:\n\n\n\n\n;2:\r\n;1:z;";
        for (int cut = 0; cut <= stream.Length; cut++)
        {
            await using LineTestConnection client = Start(shape).Connect();
            for (int at = 0; at < stream.Length;)
            {
                int next = cut == 0 ? at + 1 : at < cut ? cut : stream.Length;
                await client.SendAsync(stream.AsMemory(at..next));
                at = next;
            }

            client.HalfClose();
            Assert.Equal(Expected, await client.ReadToEndAsync().InTime());
            await client.Closed.InTime();
            Assert.Equal(CloseReason.PeerClosed, _reason);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task The_end_of_the_stream_within_a_payload_is_the_clients_doing(string shape)
    {
        foreach (string[] pieces in new string[][] { ["5\nab"], ["5\n", "ab"], ["5\n"], ["1\nx5\n", "a", "b"] })
        {
            Server server = Start(shape);
            await using LineTestConnection client = server.Connect();
            foreach (string piece in pieces)
            {
                await client.SendAsync(piece);
            }

            client.HalfClose();
            Assert.Equal(pieces[0].Length > 4 ? "1:x;" : "", await client.ReadToEndAsync().InTime());
            await client.Closed.InTime();
            Assert.Equal(CloseReason.PeerClosed, _reason);
            Assert.Empty(server.Log.At(LogLevel.Error));
        }
    }

    [Fact]
    public async Task What_came_of_a_payload_is_no_line_though_the_handler_lives_on()
    {
        var handler = new Forgiving();
        await using LineTestConnection client = LineTestConnection.Connect(lines => lines.UseLines(_ => handler));
        await client.SendAsync("first\ndrop tables\nshutdown\nxx");
        client.HalfClose();
        Assert.Equal("short\n", await client.ReadToEndAsync().InTime());
        await client.Closed.InTime();
        Assert.Equal(["first"], handler.Lines);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task A_reset_within_a_payload_ends_the_connection(string shape)
    {
        Server server = Start(shape);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("5\nab");
        client.Reset();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.PeerReset, _reason);
        Assert.Empty(server.Log.At(LogLevel.Error));
    }

    // Without the shape that runs on other threads: the clock could advance before it has asked.
    [Theory]
    [InlineData("async")]
    [InlineData("batch")]
    public async Task A_payload_has_its_own_time_and_so_has_the_line_behind_it(string shape)
    {
        Server server = Start(shape);
        await using LineTestConnection client = server.Connect();
        TimeSpan most = TimeSpan.FromSeconds(25);
        await client.SendAsync("1");
        server.Time.Advance(most);
        await client.SendAsync("\n");
        server.Time.Advance(most);
        await client.SendAsync("x1\n");
        server.Time.Advance(most);
        await client.SendAsync("y2"); // the end of the payload and the start of a line, in one read
        server.Time.Advance(most);
        await client.SendAsync("\na");
        server.Time.Advance(most);
        Assert.Equal(CloseReason.None, _connection!.CloseReason);
        server.Time.Advance(TimeSpan.FromSeconds(6));
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.LineTimeout, _reason);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task Pushes_go_out_while_a_payload_is_waited_for(string shape)
    {
        await using LineTestConnection client = Start(shape).Connect();
        await client.SendAsync("3\na");
        Until.True(() => _connection is not null);
        Assert.True(_connection!.TryPush("one"u8));
        Assert.Equal("one", await client.ReadLineAsync().InTime());
        await client.SendAsync("b");
        Assert.True(_connection.TryPush("two"u8));
        Assert.Equal("two", await client.ReadLineAsync().InTime());
        await client.SendAsync("c");
        client.HalfClose();
        Assert.Equal("3:abc;", await client.ReadToEndAsync().InTime());
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task A_drain_takes_a_payload_that_is_there_and_does_not_wait_for_another(string shape)
    {
        await using LineTestConnection client = Start(shape).Connect();
        await client.SendAsync("1\nx3\na");
        Assert.Equal("1:x;", await ReadUntilAsync(client, ';'));
        client.Drain();
        Assert.Equal("", await client.ReadToEndAsync().InTime());
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.Drain, _reason);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task More_than_the_read_buffer_holds_or_less_than_nothing_is_refused(string shape)
    {
        await using LineTestConnection client = Start(shape).Connect();
        await client.SendAsync("2000001\n-1\n");
        client.HalfClose();
        Assert.Equal("refused;refused;", await client.ReadToEndAsync().InTime());
    }

    [Fact]
    public async Task A_payload_as_large_as_the_read_buffer_comes_whole()
    {
        await using LineTestConnection client = Start("async").Connect();
        await client.SendAsync("quiet 1000000\n");
        for (int i = 0; i < 100; i++)
        {
            await client.SendAsync(new byte[10_000]);
        }

        await client.SendAsync("1\nx");
        Assert.Equal("1:x;", await ReadUntilAsync(client, ';'));
    }

    [Fact]
    public async Task Lines_before_and_after_payloads_are_counted_once()
    {
        using var metrics = new Metrics("payload metrics");
        await using (LineTestConnection client = Start("batch", "payload metrics").Connect())
        {
            await client.SendAsync("1\nx1\ny1\nz1");
            await client.SendAsync("\nz");
        }

        Assert.Equal(4, metrics["lineserver.lines"]);
    }

    [Fact]
    public async Task Outside_of_OnLineAsync_flush_and_payload_are_refused()
    {
        await using LineTestConnection client = Start("async").Connect();
        await client.SendAsync("0\n");
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await _connection!.FlushAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await _connection!.ReadPayloadAsync(1));
    }

    private static async Task<string> ReadUntilAsync(LineTestConnection client, char last)
    {
        string text = "";
        Until.True(() => (text += client.ReadAvailable()).EndsWith(last));
        await Task.CompletedTask;
        return text;
    }

    private Server Start(string shape, string name = "lines") => Server.With(
        () => shape == "batch" ? new Batch(this) : new Async(this, shape == "waiting"),
        options =>
        {
            options.Name = name;
            options.Limits.MaxReadBufferSize = 1_000_000;
        });

    private sealed class Async(PayloadTests test, bool waits) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            test._connection = Connection;
            string text = Encoding.UTF8.GetString(line.Span);
            bool isQuiet = text.StartsWith("quiet ", StringComparison.Ordinal);
            if (waits)
            {
                await Task.Yield();
            }

            ReadOnlySequence<byte> payload;
            try
            {
                payload = await Connection.ReadPayloadAsync(int.Parse(text.AsSpan(isQuiet ? 6 : 0)));
            }
            catch (ArgumentOutOfRangeException)
            {
                reply.Write("refused;"u8);
                return;
            }

            if (!isQuiet)
            {
                reply.Write(Encoding.UTF8.GetBytes(text + ":"));
                reply.Write(payload);
                reply.Write(";"u8);
            }
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            test._reason = reason;
            return default;
        }
    }

    /// <summary>Takes one line or one payload per call: a payload alone must count as progress.</summary>
    private sealed class Batch(PayloadTests test) : LineBatchHandler
    {
        private string? _needs;

        public override ValueTask OnBatch(LineBatch batch)
        {
            test._connection = Connection;
            if (_needs is null)
            {
                if (!batch.TryRead(out Line line))
                {
                    return default;
                }

                _needs = Encoding.UTF8.GetString(line.Span);
            }

            bool isQuiet = _needs.StartsWith("quiet ", StringComparison.Ordinal);
            try
            {
                if (batch.TryReadPayload(int.Parse(_needs.AsSpan(isQuiet ? 6 : 0)), out ReadOnlySequence<byte> payload))
                {
                    if (!isQuiet)
                    {
                        batch.Output.Write(Encoding.UTF8.GetBytes(_needs + ":"));
                        batch.Output.Write(payload);
                        batch.Output.Write(";"u8);
                    }

                    _needs = null;
                }
            }
            catch (ArgumentOutOfRangeException)
            {
                batch.Output.Write("refused;"u8);
                _needs = null;
            }

            return default;
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            test._reason = reason;
            return default;
        }
    }

    /// <summary>Asks for more bytes than arrive, and still replies.</summary>
    private sealed class Forgiving : LineHandler
    {
        public List<string> Lines { get; } = [];

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            Lines.Add(Encoding.UTF8.GetString(line.Span));
            try
            {
                await Connection.ReadPayloadAsync(100);
            }
            catch (EndOfStreamException)
            {
                reply.WriteLine("short");
            }
        }
    }
}
