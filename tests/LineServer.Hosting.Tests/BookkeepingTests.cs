using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>Whatever fails, only that connection ends; it leaves the table and frees its place.</summary>
[Collection(nameof(Alone))]
public class BookkeepingTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_output_that_fails_while_the_connection_closes_costs_no_place(bool outOfMemory)
    {
        FailingWriter? writer = null;
        Exception failure = outOfMemory ? new InsufficientMemoryException() : new InvalidOperationException("as asked");
        CloseReason? disconnected = null;
        Server server = Server.With(
            () => new Handler(
                connection =>
                {
                    connection.TryPush("mail"u8);
                    connection.Close();
                    writer!.Failure = failure;
                },
                reason => disconnected = reason),
            options => options.Limits.MaxConcurrentConnections = 1,
            output: made => writer = new FailingWriter(made));
        LineTestConnection client = server.Connect();
        await client.SendAsync("x\n");
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerClosed, disconnected);
        await AssertServesAsync(server);
    }

    [Fact]
    public async Task Output_that_fails_while_a_handler_works_joins_the_handler_and_costs_no_place()
    {
        FailingWriter? writer = null;
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool running = false;
        bool? ranBeside = null;
        LineConnection? connection = null;
        Server server = Server.With(
            () => new AsyncHandler(
                async (made, reply) =>
                {
                    connection = made;
                    running = true;
                    await go.Task;
                    running = false;
                },
                () => ranBeside = running),
            options => options.Limits.MaxConcurrentConnections = 1,
            output: made => writer = new FailingWriter(made));
        LineTestConnection client = server.Connect();
        await client.SendAsync("x\n");
        writer!.Failure = new InsufficientMemoryException();
        connection!.TryPush("fails"u8);
        await Task.Run(() => connection.Aborted.WaitHandle.WaitOne(TimeSpan.FromSeconds(10))).InTime();
        Assert.Null(ranBeside);
        go.SetResult();
        client.HalfClose();
        await client.Closed.InTime();
        Assert.False(ranBeside);
        await AssertServesAsync(server);
    }

    [Fact]
    public async Task A_logger_that_throws_ends_neither_timer_nor_bookkeeping()
    {
        CloseReason? disconnected = null;
        Server server = Server.With(
            () => new Handler(_ => throw new InvalidOperationException("as asked"), reason => disconnected = reason),
            options =>
            {
                options.Limits.MaxConcurrentConnections = 1;
                options.Limits.DrainTimeout = TimeSpan.FromSeconds(1);
            });
        server.Log.Failure = new InvalidOperationException("the log is broken");
        LineTestConnection failing = server.Connect();
        await failing.SendAsync("x\n");
        failing.HalfClose();
        await failing.Closed.InTime();
        Assert.Equal(CloseReason.HandlerError, disconnected);

        await using (LineTestConnection drained = server.Connect())
        {
            await using LineTestConnection refused = server.Connect(); // this is logged too
            drained.Drain();
            server.Time.Advance(TimeSpan.FromMinutes(1));
        }

        server.Log.Failure = null;
        await AssertServesAsync(server, line: "served");
    }

    [Fact]
    public async Task A_metric_listener_that_throws_ends_no_bookkeeping()
    {
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == "LineServer.Hosting")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>(static (_, _, tags, _) =>
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                if (Equals(tag.Value, "throwing metrics"))
                {
                    throw new InvalidOperationException("the listener is broken");
                }
            }
        });
        listener.Start();
        Server server = Server.With(
            (in line, reply) => reply.WriteLine(line),
            options =>
            {
                options.Name = "throwing metrics";
                options.Limits.MaxConcurrentConnections = 1;
                options.Limits.MaxLineSize = 100;
            });
        for (int i = 0; i < 3; i++)
        {
            await using LineTestConnection client = server.Connect();
            await client.SendAsync("x\n");
            Assert.Equal("x", await client.ReadLineAsync().InTime());
            await client.SendAsync(i == 0 ? "unterminated" : new string('x', 200));
        }
    }

    private static async Task AssertServesAsync(Server server, string line = "y")
    {
        await using LineTestConnection client = server.Connect();
        await client.SendAsync(line + "\n");
        client.HalfClose();
        await client.Closed.InTime();
        Assert.DoesNotContain(server.Log.At(LogLevel.Warning), text => text.Contains("refused", StringComparison.Ordinal));
    }

    private sealed class Handler(Action<LineConnection> onLine, Action<CloseReason> disconnected) : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            foreach (Line line in batch)
            {
                if (line.Length == 1)
                {
                    onLine(batch.Connection);
                }
            }

            return default;
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            disconnected(reason);
            return default;
        }
    }

    private sealed class AsyncHandler(Func<LineConnection, LineOutput, Task> onLine, Action disconnected) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken) =>
            await onLine(Connection, reply);

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            disconnected();
            return default;
        }
    }

    /// <summary>Once <see cref="Failure"/> is set, throws it instead of returning memory.</summary>
    private sealed class FailingWriter(PipeWriter inner) : PipeWriter
    {
        public Exception? Failure { get; set; }

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

        public override Memory<byte> GetMemory(int sizeHint = 0) => Failure is null ? inner.GetMemory(sizeHint) : throw Failure;

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
