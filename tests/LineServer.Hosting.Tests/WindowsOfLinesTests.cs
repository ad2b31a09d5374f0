using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using LineServer.Framing;
using LineServer.Hosting.Tests.Support;
using LineServer.Transports.Epoll;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests;

/// <summary>
/// Clients that wait for the replies to a few lines before they send more, so that reads, ends of lines and full windows
/// meet at every moment, whatever ends the lines.
/// </summary>
[Collection(nameof(Alone))]
public sealed class WindowsOfLinesTests : IDisposable
{
    private readonly ListLogger _log = new();

    public void Dispose() => _log.Dispose();

    [Theory]
    [InlineData(HandlerScheduling.Auto, 2, 1)]
    [InlineData(HandlerScheduling.Auto, 3, 2)]
    [InlineData(HandlerScheduling.Auto, 1, 3)]
    [InlineData(HandlerScheduling.ThreadPool, 2, 4)]
    [InlineData(HandlerScheduling.ThreadPool, 3, 5)]
    public async Task Every_line_is_answered_once_and_in_order(HandlerScheduling scheduling, int atOnce, int seed)
    {
        await using var server = new LoopServer(log: _log, hostingLog: _log);
        await AssertAnsweredAsync(await ListenAsync(server, scheduling, atOnce), seed, turns: 600, kinds: 7);
    }

    /// <summary>The handlers move to the thread pool meanwhile.</summary>
    [Theory]
    [InlineData(1, 6)]
    [InlineData(2, 7)]
    [InlineData(3, 8)]
    public async Task Every_line_is_answered_once_and_in_order_though_some_block(int atOnce, int seed)
    {
        await using var server = new LoopServer(TimeSpan.FromMilliseconds(2), _log, hostingLog: _log);
        for (int round = 0; round < 6; round++)
        {
            await AssertAnsweredAsync(await ListenAsync(server, HandlerScheduling.Auto, atOnce), (seed * 10) + round, turns: 30, kinds: 9);
        }
    }

    /// <summary>On the thread pool, flushes are held only by a transport that keeps what clients have not read.</summary>
    [Theory]
    [InlineData(1, 9)]
    [InlineData(3, 10)]
    public async Task Every_line_is_answered_once_and_in_order_by_flushes_that_are_held(int atOnce, int seed)
    {
        await using var transport = new EpollTransportFactory(
            Options.Create(new EpollTransportOptions { LoopCount = 1 }), NullLoggerFactory.Instance);
        await using var server = new TestServer(log: _log);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder =>
        {
            builder.Transport = transport;
            builder.UseLines(_ => new EndsAnyhow(), options =>
            {
                options.Scheduling = HandlerScheduling.ThreadPool;
                options.MaxConcurrentLines = atOnce;
            });
        });
        await AssertAnsweredAsync(endpoint, seed, turns: 600, kinds: 7);
    }

    /// <summary>Middleware may complete reads and flushes on the thread pool, while handlers run on loops.</summary>
    [Theory]
    [InlineData(1, 11)]
    [InlineData(3, 12)]
    public async Task Every_line_is_answered_once_and_in_order_behind_pipes_of_the_thread_pool(int atOnce, int seed)
    {
        await using var server = new LoopServer(log: _log, hostingLog: _log);
        ConnectionEndpoint endpoint = await server.ListenAsync(
            () => new EndsAnyhow(),
            configure: builder => builder.Use(next => async connection =>
            {
                IDuplexPipe inner = connection.Transport;
                var input = new Pipe(new PipeOptions(useSynchronizationContext: false));
                var output = new Pipe(new PipeOptions(useSynchronizationContext: false));
                connection.Transport = new Both(input.Reader, output.Writer);
                Task copies = Task.WhenAll(inner.Input.CopyToAsync(input.Writer), output.Reader.CopyToAsync(inner.Output));
                await next(connection);
                connection.Abort();
                await Task.WhenAny(copies);
            }),
            options: options => options.MaxConcurrentLines = atOnce);
        await AssertAnsweredAsync(endpoint, seed, turns: 300, kinds: 7);
    }

    private static Task<ConnectionEndpoint> ListenAsync(LoopServer server, HandlerScheduling scheduling, int atOnce) =>
        server.ListenAsync(() => new EndsAnyhow(), scheduling, options: options => options.MaxConcurrentLines = atOnce);

    private async Task AssertAnsweredAsync(ConnectionEndpoint endpoint, int seed, int turns, int kinds)
    {
        const int Clients = 12;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(n => Task.Run(async () =>
        {
#pragma warning disable CA5394 // A seeded generator is what a test can repeat.
            var random = new Random((seed * 1000) + n);
            using Socket client = await endpoint.ConnectAsync();
            for (int turn = 0; turn < turns; turn++)
            {
                int pieces = random.Next(1, 4);
                string all = "";
                for (int piece = 0; piece < pieces; piece++)
                {
                    string lines = string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(i => $"{(char)('a' + random.Next(kinds))}{n}.{turn}.{piece}.{i}\n"));
                    await client.SendTextAsync(lines);
                    all += lines;
                }

                try
                {
                    Assert.Equal(all, await client.ReceiveTextAsync(all.Length).WaitAsync(TimeSpan.FromSeconds(10)));
                }
                catch (TimeoutException)
                {
                    Assert.Fail($"client {n}, turn {turn}: not all answered of {all}; available {client.Available}");
                }
            }
#pragma warning restore CA5394
        }))).InTime();
        Assert.Empty(_log.At(LogLevel.Error));
    }

    private sealed class EndsAnyhow : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            switch (line.Span[0])
            {
                case (byte)'a':
                    reply.WriteLine(line.Span);
                    return default;
                case (byte)'b':
                    reply.WriteLine(line.Span);
                    return new ValueTask(Task.Run(static () => { }, CancellationToken.None));
                case (byte)'c':
                    return PooledAsync(line, reply, continues: true);
                case (byte)'d':
                    return PooledAsync(line, reply, continues: false);
                case (byte)'e':
                    var source = new TaskCompletionSource();
                    reply.WriteLine(line.Span);
                    ThreadPool.UnsafeQueueUserWorkItem(_ => source.SetResult(), null);
                    return new ValueTask(source.Task);
                case (byte)'h' when line.Span[^1] == '0':
                    Thread.Sleep(6); // what the test is about
                    reply.WriteLine(line.Span);
                    return default;
                case (byte)'i' when line.Span[^1] == '1':
                    return YieldAsync(line, reply, blocks: true);
                case (byte)'f':
                    return YieldAsync(line, reply);
                default:
                    return SilentAsync(line, reply);
            }
        }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        private static async ValueTask PooledAsync(LineMemory line, LineOutput reply, bool continues)
        {
            await Task.Run(static () => { }).ConfigureAwait(continues);
            reply.WriteLine(line.Span);
        }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        private static async ValueTask SilentAsync(LineMemory line, LineOutput reply)
        {
            reply.WriteLine(line.Span);
            await Task.Run(static () => { }).ConfigureAwait(false);
        }

        private static async ValueTask YieldAsync(LineMemory line, LineOutput reply, bool blocks = false)
        {
            reply.Write(line.Span[..1]);
            await Task.Yield();
            if (blocks)
            {
                Thread.Sleep(6);
            }

            reply.WriteLine(line.Span[1..]);
        }
    }

    private sealed record Both(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
