using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using LineServer.Framing;
using LineServer.Hosting.Tests.Support;
using LineServer.Transports.Epoll;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Tests;

/// <summary>
/// Close, abort, push, wake, drain and resets at random moments: over Kestrel's sockets, and over epoll on the loop, on the thread
/// pool, and on the way from one to the other.
/// </summary>
[Collection(nameof(Alone))]
public class StressTests
{
    private readonly ConcurrentDictionary<LineConnection, IConnectionLifetimeNotificationFeature?> _open = new();
    private int _lines;
    private volatile bool _hasRunOnPool;
    private int _connected;
    private int _disconnected;
    private int _woken;
    private int _ended;
    private int _misplaced;

    public enum Kind
    {
        PerLine,
        Concurrent,
        Batch,
    }

    public enum Place
    {
        Sockets,
        Loop,
        ThreadPool,

        /// <summary>The loop, until a handler blocks it.</summary>
        Moving,
    }

    public static MatrixTheoryData<Kind, Place> All => new(Enum.GetValues<Kind>(), Enum.GetValues<Place>());

    [Theory]
    [MemberData(nameof(All))]
    [SuppressMessage("Security", "CA5394", Justification = "A seeded generator is what a test can repeat.")]
    public async Task Whatever_happens_every_connection_ends_and_the_table_is_empty(Kind kind, Place place)
    {
        int seed = Environment.TickCount;
        string name = $"stress {kind} {place} {seed}";
        int blockingLine = place == Place.Moving ? 200 : -1;
        using var metrics = new Metrics(name);
        var unobserved = new ConcurrentQueue<Exception>();
        EventHandler<UnobservedTaskExceptionEventArgs> note = (_, e) => unobserved.Enqueue(e.Exception);
        // What earlier tests left unobserved is not ours.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        TaskScheduler.UnobservedTaskException += note;
        Action<IServiceCollection>? transport = place == Place.Sockets ? null : services => services.AddEpollTransport(options =>
        {
            options.LoopCount = 2;
            options.HeldLoopThreshold = place == Place.Moving ? TimeSpan.FromMilliseconds(10) : null;
        });
        KestrelHost host = await KestrelHost.StartAsync(services: transport, configure: listen => listen.UseLines(
            _ => kind == Kind.Batch ? new Batching(this, blockingLine) : new PerLine(this, kind, blockingLine),
            options =>
            {
                options.Name = name;
                options.Scheduling = place == Place.ThreadPool ? HandlerScheduling.ThreadPool : HandlerScheduling.Auto;
                options.MaxConcurrentLines = kind == Kind.Concurrent ? 5 : 1;
                options.Limits.LineTimeout = TimeSpan.FromMilliseconds(80);
                options.Limits.MaxWriteBufferSize = 1000;
                options.Limits.LingerQuietTime = TimeSpan.FromMilliseconds(5);
                options.Limits.LingerTimeout = TimeSpan.FromMilliseconds(50);
            }));
        using var over = new CancellationTokenSource();
        Task[] clients = [.. Enumerable.Range(0, 16).Select(i => Task.Run(() => ActAsync(host, new Random(seed + i), over.Token)))];
        using var stopped = new CancellationTokenSource();
        Task others = Task.Run(() =>
        {
            var random = new Random(seed - 1);
            while (!stopped.IsCancellationRequested)
            {
                foreach ((LineConnection connection, IConnectionLifetimeNotificationFeature? lifetime) in _open)
                {
                    // The ends of the last connections wait for a wake.
                    switch (over.IsCancellationRequested ? int.MaxValue : random.Next(200))
                    {
                        case 0: connection.Close(); break;
                        case 1: connection.Abort(); break;
                        case 2: lifetime?.RequestClose(); break;
                        case < 50: connection.TryPush("push"u8); break;
                        default: connection.Wake(); break;
                    }
                }

                Thread.Yield();
            }
        });
        await Task.Delay(700);
        Until.True(() => _hasRunOnPool || place != Place.Moving);
        await over.CancelAsync();
        await Task.WhenAll(clients).InTime();
        await host.DisposeAsync();
        Until.True(() => metrics["lineserver.connections.active"] == 0);
        await stopped.CancelAsync();
        await others.InTime();
        Assert.True(_connected > 0, name);
        // Kestrel begins connections on the thread pool, so lines that are there already may be handled there on any transport.
        Assert.True(_hasRunOnPool || place == Place.Loop, name);
        Assert.Equal(_connected, _disconnected);
        Assert.Empty(_open);
        Assert.True(_woken > 0 && _ended > 0, $"{name}: {_woken} woken, {_ended} ended");
        Assert.Equal(0, _misplaced);
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

    private void OnLine(int blockingLine)
    {
        if (Interlocked.Increment(ref _lines) is var number && blockingLine > 0 && number % blockingLine == 0 && !_hasRunOnPool)
        {
            Thread.Sleep(30); // what makes the handlers move; on a busy machine it may not be noticed each time
        }

        if (LoopServer.Here == "pool")
        {
            _hasRunOnPool = true;
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

    /// <summary>The calls of one handler that are not about lines: none where it may not be.</summary>
    private sealed class Ends(StressTests test)
    {
        private readonly TaskCompletionSource _wokenAtEnd = new();
        private volatile bool _isConnected;
        private volatile bool _isAtEnd;
        private volatile bool _isClosing;

        public void OnConnected() => _isConnected = true;

        public void OnWake(LineOutput output)
        {
            Interlocked.Increment(ref test._woken);
            if (!_isConnected || _isClosing)
            {
                Interlocked.Increment(ref test._misplaced);
            }

            output.WriteLine("woken"u8);
            if (_isAtEnd)
            {
                _wokenAtEnd.TrySetResult();
            }
        }

        public async ValueTask OnLinesEndedAsync(CancellationToken cancellationToken)
        {
            if (!_isConnected || _isAtEnd || _isClosing)
            {
                Interlocked.Increment(ref test._misplaced);
            }

            _isAtEnd = true;
            await _wokenAtEnd.Task.WaitAsync(cancellationToken);
            Interlocked.Increment(ref test._ended);
        }

        public void OnClosing()
        {
            if (_isClosing || _isAtEnd != _wokenAtEnd.Task.IsCompleted)
            {
                Interlocked.Increment(ref test._misplaced);
            }

            _isClosing = true;
        }
    }

    private sealed class PerLine(StressTests test, Kind kind, int blockingLine) : LineHandler
    {
        private readonly Ends _ends = new(test);

        public override async ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            test.Connected(Connection);
            await Task.Yield();
            output.WriteLine("hello");
            _ends.OnConnected();
        }

        public override void OnWake(LineOutput output) => _ends.OnWake(output);

        public override ValueTask OnLinesEndedAsync(CloseReason reason, CancellationToken cancellationToken) =>
            _ends.OnLinesEndedAsync(cancellationToken);

        public override void OnClosing(CloseReason reason, LineOutput output) => _ends.OnClosing();

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            test.OnLine(blockingLine);
            if (line.Length == 0)
            {
                return;
            }

            switch (line.Span[0])
            {
                case (byte)'w':
                    await Task.Yield();
                    reply.WriteLine(line.Span);
                    await (kind == Kind.Concurrent ? Task.Run(static () => { }, cancellationToken) : Connection.FlushAsync().AsTask());
                    reply.WriteLine("flushed");
                    break;
                case (byte)'5' when kind != Kind.Concurrent:
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

    private sealed class Batching(StressTests test, int blockingLine) : LineBatchHandler
    {
        private readonly Ends _ends = new(test);
        private bool _wantsPayload;

        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            test.Connected(Connection);
            _ends.OnConnected();
            return default;
        }

        public override void OnWake(LineOutput output) => _ends.OnWake(output);

        public override ValueTask OnLinesEndedAsync(CloseReason reason, CancellationToken cancellationToken) =>
            _ends.OnLinesEndedAsync(cancellationToken);

        public override void OnClosing(CloseReason reason, LineOutput output) => _ends.OnClosing();

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
                test.OnLine(blockingLine);
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
