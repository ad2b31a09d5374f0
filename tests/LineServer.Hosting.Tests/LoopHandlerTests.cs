using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>An asynchronous handler runs on the event loop of its connection, before and after each await.</summary>
public class LoopHandlerTests
{
    private const int Lines = 200;

    public enum Await
    {
        Nothing,
        Yield,
        Timer,
        PoolThread,
        PoolThreadWithoutContext,
        Flush,
    }

    public static TheoryData<Await> Awaits => [.. Enum.GetValues<Await>()];

    [Theory]
    [MemberData(nameof(Awaits))]
    public async Task It_is_called_and_resumed_on_its_loop(Await what)
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Awaiting(what));
        using Socket client = await endpoint.ConnectAsync();
        for (int i = 0; i < 3; i++)
        {
            await client.SendTextAsync("where\n");
            Assert.Equal("loop loop\n", await client.ReceiveTextAsync(10));
        }
    }

    [Theory]
    [MemberData(nameof(Awaits))]
    public async Task Replies_come_in_the_order_of_the_lines_whatever_is_awaited(Await what)
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Echo(what));
        using Socket client = await endpoint.ConnectAsync();
        string lines = string.Concat(Enumerable.Range(0, Lines).Select(i => $"{i}\n"));
        await client.SendTextAsync(lines);
        Assert.Equal(lines, await client.ReceiveTextAsync(lines.Length));
    }

    [Fact]
    public async Task Replies_to_lines_that_yield_leave_together()
    {
        await using var server = new LoopServer();
        CountingWriter? counted = null;
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Echo(Await.Yield), configure: builder => builder.Use(next => connection =>
        {
            connection.Transport = new Both(connection.Transport.Input, counted = new CountingWriter(connection.Transport.Output));
            return next(connection);
        }));
        using Socket client = await endpoint.ConnectAndEchoAsync();
        int before = counted!.Flushes;
        string lines = string.Concat(Enumerable.Range(0, 64).Select(i => $"{i:D2}\n"));
        await client.SendTextAsync(lines);
        Assert.Equal(lines, await client.ReceiveTextAsync(lines.Length));
        // Usually one. An iteration that takes longer than a tick of the clock sends what there is.
        Assert.InRange(counted.Flushes - before, 1, 16);
    }

    [Fact]
    public async Task What_is_staged_before_each_wait_is_sent_while_the_handler_waits()
    {
        await using var server = new LoopServer();
        var gates = new TaskCompletionSource[] { new(), new() };
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Stepping(gates));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("go\n");
        Assert.Equal("one\n", await client.ReceiveTextAsync(4));
        gates[0].SetResult();
        Assert.Equal("two\n", await client.ReceiveTextAsync(4));
        gates[1].SetResult();
        Assert.Equal("three\n", await client.ReceiveTextAsync(6));
    }

    [Fact]
    public async Task What_a_handler_stages_off_its_loop_is_sent_while_it_goes_on()
    {
        await using var server = new LoopServer();
        using var received = new SemaphoreSlim(0);
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Streaming(received));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("go\n");
        for (int i = 0; i < Streaming.Count; i++)
        {
            Assert.Equal("s\n", await client.ReceiveTextAsync(2));
            received.Release();
        }
    }

    [Fact]
    public async Task Asynchronous_locals_stay_with_their_connection()
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new WithLocal());
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("set\nset\n");
        Assert.Equal("none\nnone\n", await client.ReceiveTextAsync(10));
        using Socket other = await endpoint.ConnectAsync();
        await other.SendTextAsync("set\n");
        Assert.Equal("none\n", await other.ReceiveTextAsync(5));
    }

    [Fact]
    public async Task A_handler_that_ends_on_its_loop_while_its_client_does_not_read_goes_on()
    {
        await using var server = new LoopServer();
        var gate = new TaskCompletionSource();
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        const int Size = 16 << 20;
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Flooding(Size, gate.Task, ended));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("go\n");
        Assert.Equal("x", await client.ReceiveTextAsync(1)); // the flush has begun
        gate.SetResult();
        await ended.Task.InTime();
        Assert.Equal(Size, (await client.ReceiveTextAsync(Size)).Length);
        await client.SendTextAsync("go\n");
        Assert.Equal(Size + 1, (await client.ReceiveTextAsync(Size + 1)).Length);
    }

    [Fact]
    public async Task Pushes_are_sent_while_the_handler_waits()
    {
        await using var server = new LoopServer();
        var gates = new TaskCompletionSource[] { new(), new() };
        LineConnection? connection = null;
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Stepping(gates, made => connection = made));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("go\n");
        Assert.Equal("one\n", await client.ReceiveTextAsync(4));
        Assert.True(connection!.TryPush("pushed"u8));
        Assert.Equal("pushed\n", await client.ReceiveTextAsync(7));
        gates[0].SetResult();
        gates[1].SetResult();
        Assert.Equal("two\nthree\n", await client.ReceiveTextAsync(10));
    }

    [Fact]
    public async Task A_payload_resumes_the_handler_on_its_loop()
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new TakesPayload());
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("5\nab");
        await client.SendTextAsync("cde5\nfghij");
        Assert.Equal("loop abcde\nloop fghij\n", await client.ReceiveTextAsync(22));
    }

    [Theory]
    [InlineData("throw")]
    [InlineData("async void")]
    public async Task A_handler_that_throws_after_an_await_ends_its_connection_and_no_other(string how)
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Throwing());
        using Socket other = await endpoint.ConnectAndEchoAsync();
        using Socket client = await endpoint.ConnectAndEchoAsync();
        await client.SendTextAsync($"{how}\n");
        await EndAsync(client);
        await other.SendTextAsync("still\n");
        Assert.Equal("still\n", await other.ReceiveTextAsync(6));
    }

    [Fact]
    public async Task Connections_whose_handlers_wait_end_with_their_server()
    {
        var server = new LoopServer();
        var never = new TaskCompletionSource[] { new(), new() };
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Stepping(never, waitsForAbort: true));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("go\n");
        Assert.Equal("one\n", await client.ReceiveTextAsync(4));
        await server.DisposeAsync().AsTask().InTime();
        await EndAsync(client);
    }

    private static async Task EndAsync(Socket client)
    {
        try
        {
            await client.ReceiveToEndAsync();
        }
        catch (SocketException)
        {
            // It was reset.
        }
    }

    private static async ValueTask WaitAsync(Await what, LineConnection connection)
    {
        switch (what)
        {
            case Await.Yield:
                await Task.Yield();
                break;
            case Await.Timer:
                await Task.Delay(1);
                break;
            case Await.PoolThread:
                await Task.Run(static () => { });
                break;
            case Await.PoolThreadWithoutContext:
                await Task.Run(static () => { }).ConfigureAwait(false);
                break;
            case Await.Flush:
                await connection.FlushAsync();
                break;
        }
    }

    private sealed class Awaiting(Await what) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            string before = LoopServer.Here;
            await WaitAsync(what, Connection);
            reply.WriteLine($"{before} {LoopServer.Here}");
        }
    }

    private sealed class Echo(Await what) : LineHandler
    {
        private int _count;

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (_count++ % 3 != 0)
            {
                await WaitAsync(what, Connection);
            }

            reply.WriteLine(line.Span);
        }
    }

    private sealed class Stepping(TaskCompletionSource[] gates, Action<LineConnection>? tell = null, bool waitsForAbort = false) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            tell?.Invoke(Connection);
            reply.WriteLine("one"u8);
            await gates[0].Task.WaitAsync(waitsForAbort ? cancellationToken : CancellationToken.None);
            reply.WriteLine("two"u8);
            await gates[1].Task;
            reply.WriteLine("three"u8);
        }
    }

    private sealed class Flooding(int size, Task gate, TaskCompletionSource ended) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(new string('x', size));
            await gate;
            ended.TrySetResult();
        }
    }

    private sealed class Streaming(SemaphoreSlim received) : LineHandler
    {
        public const int Count = 2000;

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            await Task.Run(static () => { }, cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < Count; i++)
            {
                reply.WriteLine("s"u8);
                received.Wait(cancellationToken);
            }
        }
    }

    private sealed class WithLocal : LineHandler
    {
        private static readonly AsyncLocal<string?> Local = new();

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(Local.Value ?? "none");
#pragma warning disable VSTHRD001 // The point of the test.
            SynchronizationContext.Current!.Post(static _ => Local.Value = "leaked", null);
#pragma warning restore VSTHRD001
            await Task.Yield();
        }
    }

    private sealed class TakesPayload : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            var payload = await Connection.ReadPayloadAsync(5);
            reply.WriteLine($"{LoopServer.Here} {Encoding.ASCII.GetString(payload)}");
        }
    }

    private sealed class Throwing : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            await Task.Yield();
            if (line.Span.SequenceEqual("throw"u8))
            {
                throw new InvalidOperationException("on purpose");
            }

            if (line.Span.SequenceEqual("async void"u8))
            {
                ThrowAfterYield();
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            reply.WriteLine(line.Span);
        }

#pragma warning disable VSTHRD100 // The point of the test: its exception must not end the process.
        private static async void ThrowAfterYield()
#pragma warning restore VSTHRD100
        {
            await Task.Yield();
            throw new InvalidOperationException("on purpose");
        }
    }

    private sealed record Both(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
