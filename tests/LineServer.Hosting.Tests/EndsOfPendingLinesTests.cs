using System.Collections.Concurrent;
using System.Net.Sockets;
using LineServer.Framing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>However connections end while lines are pending, each handler is joined, told once, and called no more.</summary>
[Collection(nameof(Alone))]
public sealed class EndsOfPendingLinesTests : IDisposable
{
    private readonly ListLogger _log = new();
    private readonly ConcurrentBag<string> _faults = [];
    private int _connected;
    private int _disconnected;

    public void Dispose() => _log.Dispose();

    [Theory]
    [InlineData(HandlerScheduling.Auto, 1, 1)]
    [InlineData(HandlerScheduling.Auto, 3, 2)]
    [InlineData(HandlerScheduling.ThreadPool, 3, 3)]
    [InlineData(HandlerScheduling.ThreadPool, 1, 4)]
    public async Task Each_handler_is_joined_and_told_once(HandlerScheduling scheduling, int atOnce, int seed)
    {
        await using var server = new LoopServer(TimeSpan.FromMilliseconds(5), _log, hostingLog: _log);
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Counted(this), scheduling, options: options => options.MaxConcurrentLines = atOnce);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Task.Run(async () =>
        {
#pragma warning disable CA5394 // A seeded generator is what a test can repeat.
            var random = new Random((seed * 1000) + n);
            for (int round = 0; round < 100; round++)
            {
                using Socket client = await endpoint.ConnectAsync();
                string lines = string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(i => $"{(char)('a' + random.Next(5))}{i}\n"));
                switch (random.Next(5))
                {
                    case 0: // all is answered
                        await client.SendTextAsync(lines);
                        client.Shutdown(SocketShutdown.Send);
                        Assert.Equal(lines, await client.ReceiveToEndAsync());
                        break;
                    case 1:
                        await client.SendTextAsync(lines);
                        client.LingerState = new LingerOption(true, 0); // RST
                        break;
                    case 2:
                        await client.SendTextAsync(lines + "close\n" + lines);
                        Assert.StartsWith(lines, await client.ReceiveToEndAsync(), StringComparison.Ordinal);
                        break;
                    case 3:
                        await client.SendTextAsync(lines + "throw\n" + lines);
                        Assert.Equal(lines, await client.ReceiveToEndAsync());
                        break;
                    default:
                        await client.SendTextAsync(lines + "abort\n" + lines);
                        try
                        {
                            await client.ReceiveToEndAsync();
                        }
                        catch (SocketException)
                        {
                            // It was reset.
                        }

                        break;
                }
            }
#pragma warning restore CA5394
        }))).InTime();
        await endpoint.StopAsync().InTime();
        Assert.Equal(_connected, _disconnected);
        Assert.Empty(_faults);
    }

    private sealed class Counted(EndsOfPendingLinesTests test) : LineHandler
    {
        private int _running;
        private int _ended;

        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref test._connected);
            return default;
        }

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _running);
            try
            {
                if (Volatile.Read(ref _ended) != 0)
                {
                    test._faults.Add("called after its end");
                }

                if (line.Span.SequenceEqual("close"u8))
                {
                    Connection.Close();
                }
                else if (line.Span.SequenceEqual("abort"u8))
                {
                    Connection.Abort();
                }

                switch (line.Span[0])
                {
                    case (byte)'a':
                        await Task.Yield();
                        break;
                    case (byte)'b':
                        await Task.Run(static () => { }, CancellationToken.None);
                        break;
                    case (byte)'c':
                        await Task.Run(static () => { }, CancellationToken.None).ConfigureAwait(false);
                        break;
                    case (byte)'d' when line.Span[1] == '7':
                        Thread.Sleep(10); // what the test is about
                        break;
                }

                if (line.Span.SequenceEqual("throw"u8))
                {
                    throw new OperationCanceledException("on purpose");
                }

                reply.WriteLine(line.Span);
            }
            finally
            {
                Interlocked.Decrement(ref _running);
            }
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            Interlocked.Increment(ref test._disconnected);
            if (Interlocked.Increment(ref _ended) != 1 || Volatile.Read(ref _running) != 0)
            {
                test._faults.Add($"ended {_ended} times with {_running} lines running");
            }

            return default;
        }
    }
}
