using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>
/// One flush per batch, an early one when staged replies reach the limit, no superfluous ones, and
/// back-pressure.
/// </summary>
public class FlushTests
{
    private CountingReader _reader = null!;
    private CountingWriter _writer = null!;

    [Theory]
    [InlineData(Shape.Delegate)]
    [InlineData(Shape.Async)]
    [InlineData(Shape.Batch)]
    [InlineData(Shape.Visitor)]
    public async Task The_replies_of_a_read_leave_in_one_flush(Shape shape)
    {
        await using LineTestConnection client = Counted(shape, Echo).Connect();
        await client.SendAsync("a\nb\nc\n");
        Assert.Equal("a\nb\nc\n", client.ReadAvailable());
        Assert.Equal(1, _writer.Flushes);
        await client.SendAsync("half");
        Assert.Equal(1, _writer.Flushes);
    }

    [Theory]
    [InlineData(Shape.Delegate)]
    [InlineData(Shape.Async)]
    [InlineData(Shape.Batch)]
    [InlineData(Shape.Visitor)]
    public async Task A_batch_is_flushed_early_when_its_replies_reach_the_limit(Shape shape)
    {
        await using LineTestConnection client = Counted(shape, Echo, options => options.Limits.MaxWriteBufferSize = 100).Connect();
        string lines = string.Concat(Enumerable.Range(0, 100).Select(i => $"line {i:D4}\n"));
        await client.SendAsync(lines);
        Assert.Equal(lines, client.ReadAvailable());
        Assert.Equal(10, _writer.Flushes); // 1000 bytes, ten at a time
        Assert.Equal(100, _writer.MostStaged);
    }

    [Fact]
    public async Task A_run_of_lines_ends_where_the_replies_reach_the_limit()
    {
        await using LineTestConnection client = Server.With(
            () => new RunEcho(), options => options.Limits.MaxWriteBufferSize = 95, output: writer => _writer = new CountingWriter(writer)).Connect();
        string lines = string.Concat(Enumerable.Range(0, 100).Select(i => $"line {i:D4}\n"));
        await client.SendAsync(lines);
        Assert.Equal(lines, client.ReadAvailable());
        Assert.Equal(10, _writer.Flushes); // of ten lines each: the tenth reaches 95 bytes
        Assert.Equal(100, _writer.MostStaged);
    }

    [Theory]
    [MemberData(nameof(Shapes.All), MemberType = typeof(Shapes))]
    public async Task A_client_that_does_not_read_is_not_read_from_and_little_is_held_for_it(Shape shape)
    {
        await using LineTestConnection client = Counted(shape, Echo, options => options.Limits.MaxWriteBufferSize = 100).Connect(maxWriteBufferSize: 100);
        string lines = string.Concat(Enumerable.Range(0, 1000).Select(i => $"line {i:D4}\n"));
        await client.SendAsync(lines);
        Until.True(() => _writer.Flushes >= 1);
        int reads = _reader.Reads;
        await client.SendAsync("more\n");
        await client.SendAsync("more\n");
        Assert.Equal(reads, _reader.Reads);
        Assert.True(_writer.MostStaged <= 100 + 10);
        client.HalfClose();
        Assert.Equal(lines + "more\nmore\n", await client.ReadLinesAsync().InTime());
    }

    [Fact]
    public async Task What_was_staged_is_sent_before_a_handler_is_waited_for()
    {
        var go = new TaskCompletionSource();
        Server server = Server.With(() => new Waiter(go.Task));
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\nwait\nb\n");
        Assert.Equal("a\nbefore\n", client.ReadAvailable());
        go.SetResult();
        Assert.Equal("after", await client.ReadLineAsync().InTime());
        Assert.Equal("b", await client.ReadLineAsync().InTime());
    }

    [Fact]
    public async Task A_client_that_reads_nothing_for_the_send_timeout_is_aborted()
    {
        CloseReason reason = CloseReason.None;
        Server server = Server.With(Shape.Batch.Handler(Echo, onDisconnected: why => reason = why), options => options.Limits.MaxWriteBufferSize = 100);
        await using LineTestConnection client = server.Connect(maxWriteBufferSize: 100);
        await client.SendAsync(new string('x', 1000) + "\n");
        server.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.False(client.Closed.IsCompleted);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await client.Closed.InTime();
        Assert.Equal(CloseReason.SendTimeout, reason);
    }

    private Server Counted(Shape shape, Answer answer, Action<LineOptions>? options = null) =>
        Server.With(shape.Handler(answer), shape.Options(options), reader => _reader = new CountingReader(reader), writer => _writer = new CountingWriter(writer));

    private static void Echo(AnyLine line, LineOutput reply) => reply.WriteLine(line.Span);

    private sealed class RunEcho : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            while (batch.TryReadRun(out ReadOnlySpan<byte> lines))
            {
                batch.Output.Write(lines);
            }

            Assert.False(batch.TryReadRun(out _));
            _ = batch.TryRead(out _); // shows that no line is left, or that the output is full
            return default;
        }
    }

    private sealed class Waiter(Task go) : LineHandler
    {
        public override async ValueTask OnLineAsync(Framing.LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (line.Length == 1)
            {
                reply.WriteLine(line.Span);
                return;
            }

            reply.WriteLine("before");
            await go;
            reply.WriteLine("after");
        }
    }
}
