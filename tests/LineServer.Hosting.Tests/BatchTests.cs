using System.Buffers;
using System.IO.Pipelines;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>What a batch handler may do, and what happens to one that takes no line.</summary>
public class BatchTests
{
    private delegate ValueTask Batch(LineBatchHandler handler, LineBatch batch);

    [Fact]
    public async Task A_handler_that_takes_nothing_and_waits_for_nothing_is_an_error_not_a_spin()
    {
        Server server = Start((_, _) => default);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\n");
        Assert.Equal("", await client.ReadToEndAsync().InTime());
        Assert.Single(server.Log.At(LogLevel.Error));
    }

    [Fact]
    public async Task A_wait_that_has_ended_before_the_loop_looks_is_no_error()
    {
        int calls = 0;
        Server server = Start((_, batch) =>
        {
            // A task that another thread completes while the handler returns it looks like this.
            if (++calls == 1)
            {
                return default;
            }

            while (batch.TryRead(out Line line))
            {
                batch.Output.WriteLine(line);
            }

            return default;
        });
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\nb\n");
        client.HalfClose();
        Assert.Equal("a\nb\n", await client.ReadToEndAsync().InTime());
        Assert.Empty(server.Log.At(LogLevel.Error));
    }

    [Fact]
    public async Task Pushes_go_out_and_replies_before_them_while_the_task_of_a_batch_is_waited_for()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        LineConnection? connection = null;
        await using LineTestConnection client = Start((handler, batch) =>
        {
            connection = handler.Connection;
            if (!batch.TryRead(out Line line))
            {
                return default;
            }

            batch.Output.WriteLine(line);
            return new ValueTask(go.Task);
        }).Connect();
        await client.SendAsync("a\nb\n");
        Assert.Equal("a", await client.ReadLineAsync().InTime());
        connection!.TryPush("push"u8);
        Assert.Equal("push", await client.ReadLineAsync().InTime());
        go.SetResult();
        Assert.Equal("b", await client.ReadLineAsync().InTime());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(20_000)]
    [InlineData(int.MaxValue)]
    public async Task A_run_of_lines_that_are_not_answered_is_counted_and_ends_only_with_enough(int enough)
    {
        const int Lines = 5000;
        byte[] stream = [.. Enumerable.Range(0, Lines).SelectMany(i => System.Text.Encoding.ASCII.GetBytes($"line {i:D4}\n"))];
        var runs = new List<(int Length, int Count)>();
        ConnectionDelegate endpoint = LineTestConnection.Build(builder => builder.UseLines(
            _ => new Handler((_, batch) =>
            {
                while (batch.TryReadRun(enough, out ReadOnlySpan<byte> lines, out int count))
                {
                    runs.Add((lines.Length, count));
                }

                Assert.False(batch.TryRead(out Line _));
                return default;
            }),
            options => options.Limits.MaxWriteBufferSize = 95));
        var toClient = new Pipe();
        await using var connection = new DefaultConnectionContext("runs")
        {
            Transport = new Both(PipeReader.Create(new ReadOnlySequence<byte>(stream)), toClient.Writer),
        };
        await endpoint(connection).InTime();
        int linesARun = (int)Math.Min(Lines, (enough + 9L) / 10);
        Assert.Equal(Lines, runs.Sum(run => run.Count));
        Assert.All(runs.Take(Lines / linesARun), run => Assert.Equal((linesARun * 10, linesARun), run));
    }

    [Fact]
    public async Task A_counted_run_ends_with_the_batch_and_cannot_be_of_nothing()
    {
        await using LineTestConnection client = Start((handler, batch) =>
        {
            bool isRefused = false;
            try
            {
                batch.TryReadRun(0, out _, out _);
            }
            catch (ArgumentOutOfRangeException)
            {
                isRefused = true;
            }

            if (batch.TryReadRun(1, out ReadOnlySpan<byte> lines, out int count))
            {
                batch.Output.Write(lines);
                batch.Output.WriteLine($"{count} {isRefused}");
                handler.Connection.Close();
                batch.Output.WriteLine($"{batch.TryReadRun(1, out _, out count)} {count}");
            }

            return default;
        }).Connect();
        await client.SendAsync("a\nb\n");
        Assert.Equal("a\n1 True\nFalse 0\n", await client.ReadToEndAsync().InTime());
    }

    [Fact]
    public async Task A_batch_left_in_the_middle_goes_on_there_after_the_flush()
    {
        int calls = 0;
        CountingWriter? writer = null;
        await using LineTestConnection client = Server.With(
            () => new Handler((_, batch) =>
            {
                calls++;
                foreach (Line line in batch)
                {
                    batch.Output.WriteLine(line);
                    if (line.Length == 1)
                    {
                        break;
                    }
                }

                return default;
            }),
            null,
            null,
            made => writer = new CountingWriter(made)).Connect();
        await client.SendAsync("a\nbb\ncc\nd\nee\n");
        Assert.Equal("a\nbb\ncc\nd\nee\n", client.ReadAvailable());
        Assert.Equal((3, 3), (calls, writer!.Flushes));
    }

    [Fact]
    public async Task Nothing_is_given_behind_an_oversize_line_also_after_a_wait()
    {
        Server server = Server.With(
            Shape.WaitingBatch.Handler((line, reply) => reply.WriteLine(line.Span)),
            options => options.Limits.MaxLineSize = 4,
            reader => new CountingReader(reader, segmented: true));
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\n12345\nb\n");
        Assert.Equal("a\n", await client.ReadToEndAsync().InTime());
    }

    private static Server Start(Batch batch) => Server.With(() => new Handler(batch));

    private sealed class Handler(Batch onBatch) : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch) => onBatch(this, batch);
    }

    private sealed record Both(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
