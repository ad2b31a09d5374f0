using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using LineServer.Framing;
using LineServer.Hosting.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace LineServer.Hosting.Tests;

/// <summary>
/// Close, abort, push, drain and resets at random moments, over Kestrel's sockets and the thread pool.
/// </summary>
[Collection(nameof(Alone))]
public class StressTests
{
    private readonly ConcurrentDictionary<LineConnection, IConnectionLifetimeNotificationFeature?> _open = new();
    private int _connected;
    private int _disconnected;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [SuppressMessage("Security", "CA5394", Justification = "A seeded generator is what a test can repeat.")]
    public async Task Whatever_happens_every_connection_ends_and_the_table_is_empty(bool batch)
    {
        int seed = Environment.TickCount;
        string name = $"stress {batch} {seed}";
        using var metrics = new Metrics(name);
        var unobserved = new ConcurrentQueue<Exception>();
        EventHandler<UnobservedTaskExceptionEventArgs> note = (_, e) => unobserved.Enqueue(e.Exception);
        // What earlier tests left unobserved is not ours.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        TaskScheduler.UnobservedTaskException += note;
        KestrelHost host = await KestrelHost.StartAsync(listen => listen.UseLines(
            _ => batch ? new Batching(this) : new PerLine(this),
            options =>
            {
                options.Name = name;
                options.Limits.LineTimeout = TimeSpan.FromMilliseconds(80);
                options.Limits.MaxWriteBufferSize = 1000;
                options.Limits.LingerQuietTime = TimeSpan.FromMilliseconds(5);
                options.Limits.LingerTimeout = TimeSpan.FromMilliseconds(50);
            }));
        using var over = new CancellationTokenSource(TimeSpan.FromMilliseconds(700));
        Task[] clients = [.. Enumerable.Range(0, 16).Select(i => Task.Run(() => ActAsync(host, new Random(seed + i), over.Token)))];
        Task others = Task.Run(() =>
        {
            var random = new Random(seed - 1);
            while (!over.IsCancellationRequested)
            {
                foreach ((LineConnection connection, IConnectionLifetimeNotificationFeature? lifetime) in _open)
                {
                    switch (random.Next(200))
                    {
                        case 0: connection.Close(); break;
                        case 1: connection.Abort(); break;
                        case 2: lifetime?.RequestClose(); break;
                        case < 100: connection.TryPush("push"u8); break;
                    }
                }

                Thread.Yield();
            }
        });
        await Task.WhenAll([.. clients, others]).InTime();
        await host.DisposeAsync();
        Until.True(() => metrics["lineserver.connections.active"] == 0);
        Assert.True(_connected > 0, name);
        Assert.Equal(_connected, _disconnected);
        Assert.Empty(_open);
        Assert.Equal(0, metrics["lineserver.connections.closed HandlerError"]);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        TaskScheduler.UnobservedTaskException -= note;
        Assert.True(unobserved.IsEmpty, $"{name}: {string.Join('\n', unobserved)}");
    }

    [SuppressMessage("Security", "CA5394", Justification = "As above.")]
    private static async Task ActAsync(KestrelHost host, Random random, CancellationToken over)
    {
        byte[] bytes = new byte[3000];
        byte[] buffer = new byte[2000];
        while (!over.IsCancellationRequested)
        {
            try
            {
                // Even this may be reset, because the server can abort a connection that it has just
                // accepted.
                using Socket client = await host.ConnectAsync();
                for (int i = random.Next(30); i > 0; i--)
                {
                    int count = random.Next(1, bytes.Length);
                    for (int b = 0; b < count; b++)
                    {
                        bytes[b] = random.Next(10) switch { 0 => (byte)'\n', 1 => (byte)'w', 2 => (byte)'5', _ => (byte)'x' };
                    }

                    await client.SendAsync(bytes.AsMemory(0, count), over);
                    if (random.Next(4) > 0 && client.Available > 0)
                    {
                        await client.ReceiveAsync(buffer.AsMemory(), over);
                    }
                }

                switch (random.Next(3))
                {
                    case 0:
                        client.Reset();
                        break;
                    case 1:
                        client.Shutdown(SocketShutdown.Send);
                        while (await client.ReceiveAsync(buffer.AsMemory(), over) > 0)
                        {
                        }

                        break;
                }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // The server aborted the connection, or the test is over.
            }
        }
    }

    private void Connected(LineConnection connection)
    {
        Interlocked.Increment(ref _connected);
        _open[connection] = connection.Features.Get<IConnectionLifetimeNotificationFeature>();
    }

    private void Disconnected(LineConnection connection)
    {
        Interlocked.Increment(ref _disconnected);
        _open.TryRemove(connection, out _);
    }

    private sealed class PerLine(StressTests test) : LineHandler
    {
        public override async ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            test.Connected(Connection);
            await Task.Yield();
            output.WriteLine("hello");
        }

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (line.Length == 0)
            {
                return;
            }

            switch (line.Span[0])
            {
                case (byte)'w':
                    await Task.Yield();
                    reply.WriteLine(line.Span);
                    await Connection.FlushAsync();
                    reply.WriteLine("flushed");
                    break;
                case (byte)'5':
                    System.Buffers.ReadOnlySequence<byte> payload = await Connection.ReadPayloadAsync(500);
                    reply.Write(payload);
                    break;
                default:
                    reply.WriteLine(line.Span);
                    break;
            }
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            test.Disconnected(Connection);
            return default;
        }
    }

    private sealed class Batching(StressTests test) : LineBatchHandler
    {
        private bool _wantsPayload;

        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            test.Connected(Connection);
            return default;
        }

        public override ValueTask OnBatch(LineBatch batch)
        {
            if (_wantsPayload)
            {
                if (!batch.TryReadPayload(500, out System.Buffers.ReadOnlySequence<byte> payload))
                {
                    return default;
                }

                _wantsPayload = false;
                batch.Output.Write(payload);
            }

            while (batch.TryRead(out Line line))
            {
                if (line.Length > 0 && line.Span[0] == '5')
                {
                    _wantsPayload = true;
                    return OnBatch(batch);
                }

                batch.Output.WriteLine(line.Span);
                if (line.Length > 0 && line.Span[0] == 'w')
                {
                    return new ValueTask(Task.Run(static () => { }));
                }
            }

            return default;
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            test.Disconnected(Connection);
            return default;
        }
    }
}
