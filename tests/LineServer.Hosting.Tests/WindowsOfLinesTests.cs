using System.Net.Sockets;
using System.Runtime.CompilerServices;
using LineServer.Framing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

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
        const int Clients = 12;
        const int Turns = 600;
        await using var server = new LoopServer(log: _log, hostingLog: _log);
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new EndsAnyhow(), scheduling, options: options => options.MaxConcurrentLines = atOnce);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(n => Task.Run(async () =>
        {
#pragma warning disable CA5394 // A seeded generator is what a test can repeat.
            var random = new Random((seed * 1000) + n);
            using Socket client = await endpoint.ConnectAsync();
            for (int turn = 0; turn < Turns; turn++)
            {
                int pieces = random.Next(1, 4);
                string all = "";
                for (int piece = 0; piece < pieces; piece++)
                {
                    string lines = string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(i => $"{(char)('a' + random.Next(7))}{n}.{turn}.{piece}.{i}\n"));
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

        private static async ValueTask YieldAsync(LineMemory line, LineOutput reply)
        {
            reply.Write(line.Span[..1]);
            await Task.Yield();
            reply.WriteLine(line.Span[1..]);
        }
    }
}
