using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using System.Threading.Tasks.Sources;
using LineServer.Connections;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>What an independent reader found in lines that are pending at once, and in take-overs.</summary>
[Collection(nameof(Alone))]
public sealed class PendingRaceTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Its call may be under way on another thread: the task must not be given back before, and the call must not count for
    /// another line.
    /// </summary>
    [Fact]
    public async Task The_result_of_a_watched_line_is_not_taken_before_its_call_though_the_next_lines_wait_for_room()
    {
        var sources = new Dictionary<string, Source>(StringComparer.Ordinal) { ["a"] = new(), ["b"] = new(), ["c"] = new() };
        Server server = Server.With(
            () => new Returning((text, _) =>
            {
                if (text == "b")
                {
                    sources["a"].End();
                }

                return sources[text].Task;
            }),
            options => options.MaxConcurrentLines = 2);
        LineTestConnection client = server.Connect();
        await client.SendAsync("a\n");
        Assert.True(sources["a"].IsWatched);
        await client.SendAsync("b\nc\n");
        Assert.False(sources["a"].WasTakenEarly);
        foreach ((string line, Source source) in sources)
        {
            Until.True(() => source.IsWatched);
            source.End();
            source.Call();
            Assert.Equal(line, await client.ReadLineAsync().InTime());
        }

        Assert.DoesNotContain(sources.Values, source => source.WasTakenEarly);
        await client.DisposeAsync();
    }

    /// <summary>A pooled task has the same source and, after 65536 uses, the same token.</summary>
    [Fact]
    public async Task A_task_that_is_used_again_for_a_later_line_is_not_taken_for_the_former()
    {
        var source = new Source();
        Server server = Server.With(() => new Returning((_, _) => source.Task), options => options.MaxConcurrentLines = 2);
        LineTestConnection client = server.Connect();
        for (int i = 0; i < 3; i++)
        {
            await client.SendAsync($"{i}\n");
            Assert.False(source.WasTakenEarly);
            Assert.True(source.IsWatched);
            source.End();
            source.Call();
            Assert.Equal($"{i}\n", client.ReadAvailable());
        }

        await client.DisposeAsync();
    }

    /// <summary>The call of a line that has been answered must not end the next, whose end needs the loop.</summary>
    [Fact]
    public async Task A_line_that_ends_on_another_thread_while_lines_wait_for_room_does_not_stall_the_loop()
    {
        await using var server = new LoopServer();
        var first = new TaskCompletionSource();
        var second = new TaskCompletionSource();
        IEventLoopFeature? loop = null;
        ConnectionEndpoint endpoint = await server.ListenAsync(
            () => new Returning((text, handler) =>
            {
                loop = handler.Connection.Features.Get<IEventLoopFeature>();
                switch (text)
                {
                    case "a":
                        return new ValueTask(first.Task);
                    case "b":
#pragma warning disable VSTHRD002, MA0042, xUnit1031 // It lasts for a moment.
                        Task.Run(first.SetResult).Wait();
#pragma warning restore VSTHRD002, MA0042, xUnit1031
                        return new ValueTask(second.Task);
                    default:
                        return default;
                }
            }),
            options: options => options.MaxConcurrentLines = 2);
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("a\n");
        Assert.Equal("a\n", await client.ReceiveTextAsync(2));
        await EndOfIterationAsync(loop!);
        try
        {
            await client.SendTextAsync("b\nc\n");
            Assert.Equal("b\n", await client.ReceiveTextAsync(2).WaitAsync(Bound));
            await EndOfIterationAsync(loop!);
            await EndOfIterationAsync(loop!);
        }
        finally
        {
            second.SetResult();
        }

        Assert.Equal("c\n", await client.ReceiveTextAsync(2));
    }

    [Fact]
    public async Task A_line_that_ends_at_any_moment_is_answered()
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(
            () => new Returning(
                (text, _) => text == "after" ? default : new EndsAtLook(int.Parse(text)).Task,
                replies: text => text == "after"),
            options: options => options.MaxConcurrentLines = 4);
        for (int look = 1; look < 10; look++)
        {
            using Socket client = await endpoint.ConnectAsync();
            await client.SendTextAsync($"{look}\nafter\n");
            try
            {
                Assert.Equal("after\n", await client.ReceiveTextAsync(6).WaitAsync(Bound));
            }
            catch (TimeoutException)
            {
                Assert.Fail($"not answered if it ends at look {look}");
            }
        }
    }

    /// <summary>Under Kestrel, and behind middleware, a connection begins on the thread pool.</summary>
    [Fact]
    public async Task A_greeting_that_ends_on_the_loop_is_noticed_by_a_connection_that_began_on_the_thread_pool()
    {
        await using var server = new LoopServer();
        var gate = new TaskCompletionSource();
        ConnectionEndpoint endpoint = await server.ListenAsync(
            () => new Greeting(gate.Task),
            configure: builder => builder.Use(next => connection => Task.Run(() =>
            {
                IEventLoopFeature loop = connection.Features.Get<IEventLoopFeature>()!;
                connection.Transport = new Both(
                    connection.Transport.Input,
                    new BeforeFirstFlush(connection.Transport.Output, () =>
                    {
                        // The handler ends on its loop while the connection's loop is about to wait for it.
                        gate.SetResult();
                        using var done = new ManualResetEventSlim();
                        loop.Post(new Item(done.Set));
                        Assert.True(done.Wait(Bound));
                    }));
                return next(connection);
            })));
        using Socket client = await endpoint.ConnectAsync();
        Assert.Equal("hello\n", await client.ReceiveTextAsync(6));
        await client.SendTextAsync("line\n");
        Assert.Equal("line\n", await client.ReceiveTextAsync(5).WaitAsync(Bound));
    }

    [Fact]
    public async Task Lines_that_are_pending_are_charged_also_while_no_more_may_begin()
    {
        const int Size = 50_000;
        await using var server = new TestServer();
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int begun = 0;
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(
            _ => new Returning((_, _) =>
            {
                Interlocked.Increment(ref begun);
                return new ValueTask(released.Task);
            }),
            options => options.MaxConcurrentLines = 4));
        using Socket client = await endpoint.ConnectAsync();
        for (int i = 1; i <= 4; i++)
        {
            await client.SendTextAsync(new string('x', Size) + "\n");
            Until.True(() => Volatile.Read(ref begun) == i);
            // The charge changes once more when the connection waits.
            SpinWait.SpinUntil(() => server.Server.TotalBufferSize < i * Size, TimeSpan.FromSeconds(1));
            bool isCharged = SpinWait.SpinUntil(() => server.Server.TotalBufferSize >= i * Size, TimeSpan.FromSeconds(1));
            Assert.True(isCharged, $"{i} lines of {Size}: {server.Server.TotalBufferSize}");
        }

        released.SetResult();
    }

    [Fact]
    public async Task Each_of_the_lines_of_a_read_has_its_own_time()
    {
        Server? server = null;
        server = Server.With(
            () => new Returning((_, _) =>
            {
                server!.Time.Advance(TimeSpan.FromSeconds(1));
                return default;
            }),
            options =>
            {
                options.MaxConcurrentLines = 2;
                options.Limits.HandlerTimeout = TimeSpan.FromSeconds(10);
            });
        await using LineTestConnection client = server.Connect();
        string lines = string.Concat(Enumerable.Range(0, 30).Select(i => $"{i}\n"));
        await client.SendAsync(lines);
        Assert.Equal(lines, client.ReadAvailable());
    }

    [Fact]
    public async Task What_is_to_run_at_the_end_of_an_iteration_runs_though_the_last_of_the_former_end_was_taken_over()
    {
        await using var server = new LoopServer(TimeSpan.FromMilliseconds(20));
        LineConnection? connection = null;
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Returning((_, handler) =>
        {
            connection = handler.Connection;
            return default;
        }));
        using Socket client = await endpoint.ConnectAndEchoAsync();
        IEventLoopFeature loop = connection!.Features.Get<IEventLoopFeature>()!;
        HandlerContext context = loop.CreateContext((IEventLoopHandler)loop.Handler!, new Item(() => { }));
        using var blocks = new ManualResetEventSlim();
        AtEnd(loop, () =>
        {
            HandlerEntry entry = context.Enter();
            blocks.Wait();
            context.Leave(entry);
        });
        await RunAsync(run => loop.Post(new Item(run))); // by the thread that has taken over
        try
        {
            await EndOfIterationAsync(loop);
        }
        finally
        {
            blocks.Set();
        }
    }

    private static void AtEnd(IEventLoopFeature loop, Action act) => loop.Post(new Item(() => loop.PostAtEnd(new Item(act))));

    /// <summary>Returns when the loop has run all that was to run at the end of its current iteration.</summary>
    private static Task EndOfIterationAsync(IEventLoopFeature loop) => RunAsync(run => AtEnd(loop, run));

    private static Task RunAsync(Action<Action> post)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        post(done.SetResult);
        return done.Task.WaitAsync(Bound);
    }

    private sealed class Item(Action act) : IThreadPoolWorkItem
    {
        public void Execute() => act();
    }

    /// <summary>Stages the reply at once, and returns the test's task.</summary>
    private sealed class Returning(Func<string, LineHandler, ValueTask> handle, Func<string, bool>? replies = null) : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            string text = Encoding.ASCII.GetString(line.Span);
            if (replies?.Invoke(text) ?? true)
            {
                reply.WriteLine(line.Span);
            }

            return handle(text, this);
        }
    }

    private sealed class Greeting(Task gate) : LineHandler
    {
        public override async ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            output.WriteLine("hello");
            await gate;
        }

        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(line.Span);
            return default;
        }
    }

    /// <summary>A task that can be used again once its result was taken. Its end and the call that tells of it are apart.</summary>
    private sealed class Source : IValueTaskSource
    {
        private Action<object?>? _continuation;
        private object? _state;
        private bool _hasEnded;
        private bool _hasCalled;

        public ValueTask Task => new(this, 0);

        public bool IsWatched => _continuation is not null;

        public bool WasTakenEarly { get; private set; }

        public void End() => _hasEnded = true;

        public void Call()
        {
            _hasCalled = true;
            _continuation?.Invoke(_state);
        }

        ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) =>
            _hasEnded ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;

        void IValueTaskSource.GetResult(short token)
        {
            WasTakenEarly |= !_hasEnded || (_continuation is not null && !_hasCalled);
            _hasEnded = _hasCalled = false;
            _continuation = null;
        }

        void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            (_state, _continuation) = (state, continuation);
    }

    /// <summary>A task that ends, as if on another thread, just before somebody looks at it for the n-th time.</summary>
    private sealed class EndsAtLook(int look) : IValueTaskSource
    {
        private int _looks;

        public ValueTask Task => new(this, 0);

        ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) =>
            Interlocked.Increment(ref _looks) >= look ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;

        void IValueTaskSource.GetResult(short token)
        {
        }

        void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        {
            SynchronizationContext? context = SynchronizationContext.Current;
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    Volatile.Write(ref _looks, look);
                    if (context is null)
                    {
                        continuation(state);
                    }
                    else
                    {
#pragma warning disable VSTHRD001 // As a task does.
                        context.Post(state => continuation(state), state);
#pragma warning restore VSTHRD001
                    }
                },
                null);
        }
    }

    private sealed class BeforeFirstFlush(PipeWriter inner, Action act) : PipeWriter
    {
        private bool _hasActed;

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            if (!_hasActed)
            {
                _hasActed = true;
                act();
            }

            return inner.FlushAsync(cancellationToken);
        }
    }

    private sealed record Both(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
