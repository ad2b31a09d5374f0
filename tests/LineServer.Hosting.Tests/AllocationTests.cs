using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting.Tests;

/// <summary>The steady path does not allocate, neither per line nor for a read that has to wait.</summary>
[Collection(nameof(Alone))]
public class AllocationTests
{
    [Theory]
    [InlineData(Shape.Delegate, 1)]
    [InlineData(Shape.Delegate, 50)]
    [InlineData(Shape.Batch, 1)]
    [InlineData(Shape.Batch, 50)]
    [InlineData(Shape.BatchByOne, 50)]
    [InlineData(Shape.Visitor, 50)]
    [InlineData(Shape.Async, 1)]
    [InlineData(Shape.Async, 50)]
    [InlineData(Shape.ConcurrentAtOnce, 1)]
    [InlineData(Shape.ConcurrentAtOnce, 50)]
    public async Task Steady_lines_allocate_nothing(Shape shape, int linesARead)
    {
        ConnectionDelegate endpoint = LineTestConnection.Build(lines => lines.UseLines(_ => shape.Handler((line, reply) => reply.WriteLine(line.Span))(), shape.Options()));
        var inline = new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false);
        var toServer = new Pipe(inline);
        var toClient = new Pipe(inline);
        await using var connection = new DefaultConnectionContext("allocations") { Transport = new Both(toServer.Reader, toClient.Writer) };
        Task served = endpoint(connection);
        byte[] lines = [.. Enumerable.Repeat("a line of thirty-two bytes or so\n"u8.ToArray(), linesARead).SelectMany(line => line)];
        Rounds(500);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Rounds(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        await toServer.Writer.CompleteAsync();
        await served.InTime();

        void Rounds(int count)
        {
            for (int i = 0; i < count; i++)
            {
                // In two pieces, so that a partial line is also held across reads.
                Send(lines.AsSpan(0, 10));
                Send(lines.AsSpan(10));
                Assert.True(toClient.Reader.TryRead(out ReadResult read) && read.Buffer.Length == lines.Length);
                toClient.Reader.AdvanceTo(read.Buffer.End);
            }
        }

        void Send(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(toServer.Writer.GetSpan(bytes.Length));
            toServer.Writer.Advance(bytes.Length);
            Assert.True(toServer.Writer.FlushAsync().IsCompletedSuccessfully);
        }
    }

    /// <summary>The handler's own state machine is pooled, so whatever is allocated is ours.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(64)]
    public async Task Lines_that_await_allocate_nothing_of_ours(int concurrentLines)
    {
        const int Rounds = 200;
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(
            () => concurrentLines == 1 ? new Metered() : new MeteredByHand(), options: options => options.MaxConcurrentLines = concurrentLines);
        using Socket client = await endpoint.ConnectAsync();
        string lines = string.Concat(Enumerable.Repeat("line\n", 64));
        for (int i = 0; i < 200; i++)
        {
            await client.SendTextAsync(lines);
            await client.ReceiveTextAsync(lines.Length);
        }

        long before = await AllocatedAsync();
        for (int i = 0; i < Rounds; i++)
        {
            await client.SendTextAsync(lines);
            await client.ReceiveTextAsync(lines.Length);
        }

        // Now and then another thread has emptied the runtime's pools of state machines and arrays.
        Assert.InRange(await AllocatedAsync() - before, 0, Rounds * 64);

        async Task<long> AllocatedAsync()
        {
            await client.SendTextAsync("bytes\n");
            return long.Parse(await client.ReceiveTextAsync(21), CultureInfo.InvariantCulture);
        }
    }

    /// <summary>In memory, all of a wake-up runs within the call: the wake, the read that ends, the handler, the flush.</summary>
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(true, 16)]
    public async Task A_wake_of_a_connection_that_waits_for_its_client_allocates_nothing(bool isPerLine, int concurrentLines)
    {
        LineHandlerBase handler = isPerLine ? new Woken() : new WokenBatch();
        ConnectionDelegate endpoint = LineTestConnection.Build(
            lines => lines.UseLines(_ => handler, options => options.MaxConcurrentLines = concurrentLines));
        var inline = new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false);
        var toServer = new Pipe(inline);
        var toClient = new Pipe(inline);
        await using var connection = new DefaultConnectionContext("wakes") { Transport = new Both(toServer.Reader, toClient.Writer) };
        Task served = endpoint(connection);
        Rounds(500);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Rounds(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        await toServer.Writer.CompleteAsync();
        await served.InTime();

        void Rounds(int count)
        {
            for (int i = 0; i < count; i++)
            {
                handler.Connection.Wake();
                Assert.True(toClient.Reader.TryRead(out ReadResult read) && read.Buffer.Length == 21);
                toClient.Reader.AdvanceTo(read.Buffer.End);
            }
        }
    }

    /// <summary>The thread that wakes allocates nothing, nor does the loop, whose thread the handler meters.</summary>
    [Theory]
    [InlineData(false, false, 1)]
    [InlineData(true, false, 1)]
    [InlineData(false, true, 1)]
    [InlineData(true, true, 1)]
    [InlineData(true, true, 16)]
    public async Task A_wake_from_another_thread_allocates_nothing(bool isPerLine, bool isHandlerPending, int concurrentLines)
    {
        const int Rounds = 500;
        await using var server = new LoopServer();
        var gate = new TaskCompletionSource();
        LineHandlerBase? handler = null;
        ConnectionEndpoint endpoint = await server.ListenAsync(
            () => handler = isPerLine ? new Woken(gate.Task) : new WokenBatch(gate.Task), options: options => options.MaxConcurrentLines = concurrentLines);
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync(isHandlerPending ? "wait\n" : "line\n");
        Assert.Equal("line\n", await client.ReceiveTextAsync(5));
        (long byWakes, long byLoop) = await WakeAsync();
        Assert.Equal(0, byWakes);
        // Now and then another thread has emptied the runtime's pool of state machines.
        Assert.InRange(byLoop, 0, Rounds);
        gate.SetResult();

        async Task<(long ByWakes, long ByLoop)> WakeAsync()
        {
            long ofWakes = 0;
            long first = 0;
            long last = 0;
            for (int i = 0; i < 2 * Rounds; i++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                handler!.Connection.Wake();
                ofWakes += i < Rounds ? 0 : GC.GetAllocatedBytesForCurrentThread() - before;
                last = long.Parse(await client.ReceiveTextAsync(21), CultureInfo.InvariantCulture);
                first = i < Rounds ? last : first;
            }

            return (ofWakes, last - first);
        }
    }

    private static void Reply(LineMemory line, LineOutput reply)
    {
        if (line.Span.SequenceEqual("bytes"u8))
        {
            Meter(reply);
            return;
        }

        reply.WriteLine(line.Span);
    }

    private static void Meter(LineOutput output)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(GC.GetAllocatedBytesForCurrentThread(), digits, out _, new StandardFormat('D', 20));
        output.WriteLine(digits);
    }

    private sealed class Woken(Task? gate = null) : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (line.Span.SequenceEqual("line"u8))
            {
                reply.WriteLine(line.Span);
                return default;
            }

            Connection.TryPush("line"u8);
            return new ValueTask(gate!);
        }

        public override void OnWake(LineOutput output) => Meter(output);
    }

    private sealed class WokenBatch(Task? gate = null) : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            bool waits = false;
            while (batch.TryRead(out Line line))
            {
                waits = line.Span.SequenceEqual("wait"u8);
                batch.Output.WriteLine("line"u8);
            }

            return waits ? new ValueTask(gate!) : default;
        }

        public override void OnWake(LineOutput output) => Meter(output);
    }

    private sealed class Metered : LineHandler
    {
        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            await Task.Yield();
            Reply(line, reply);
        }
    }

    // The runtime pools one state machine per thread and one per core: too few for several lines at once.
    private sealed class MeteredByHand : LineHandler
    {
        private readonly Stack<Waiting> _free = new();

        [SuppressMessage("Usage", "VSTHRD001", Justification = "What an await does, without its allocations.")]
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (!_free.TryPop(out Waiting? waiting))
            {
                waiting = new Waiting(this);
            }

            (waiting.Line, waiting.Output) = (line, reply);
            SynchronizationContext.Current!.Post(static state => ((Waiting)state!).End(), waiting);
            return new ValueTask(waiting, waiting.Version);
        }

        private sealed class Waiting(MeteredByHand owner) : IValueTaskSource
        {
            private ManualResetValueTaskSourceCore<bool> _core;

            public LineMemory Line { get; set; }

            public LineOutput? Output { get; set; }

            public short Version => _core.Version;

            public void End()
            {
                Reply(Line, Output!);
                _core.SetResult(true);
            }

            public void GetResult(short token)
            {
                _core.GetResult(token);
                _core.Reset();
                owner._free.Push(this);
            }

            public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

            public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
                _core.OnCompleted(continuation, state, token, flags);
        }
    }

    private sealed record Both(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
