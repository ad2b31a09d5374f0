using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>A connection that is woken: once for many calls, between replies, and not while its client does not read.</summary>
public class WakeTests
{
    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<string> _calls = new();
    private readonly ConcurrentQueue<string> _places = new();
    private LineConnection _connection = null!;
    private long _committed;
    private bool _wakesInClosing;
    private bool _failsToWake;

    public enum Kind
    {
        Batch,
        PerLine,
        Concurrent,
    }

    public static TheoryData<Kind> Kinds => [.. Enum.GetValues<Kind>()];

    private string Calls => string.Join(", ", _calls);

    private string Places => string.Join(", ", _places);

    private IEnumerable<string> Acknowledgements => _calls.Where(call => call.StartsWith("ack", StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Wakes_before_the_loop_looks_are_one_and_come_after_the_reply(Kind kind)
    {
        await using LineTestConnection client = Start(kind).Connect();
        await client.SendAsync("wake\n");
        Assert.Equal("wake\nack 3\n", client.ReadAvailable());
        Assert.Equal("line, ack 3", Calls);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_wake_reaches_a_client_that_sends_nothing(Kind kind)
    {
        await using LineTestConnection client = Start(kind).Connect();
        for (int i = 1; i < 5; i++)
        {
            Commit();
            Assert.Equal($"ack {i}\n", client.ReadAvailable());
        }

        await client.SendAsync("hal");
        Commit();
        await client.SendAsync("f\n");
        Assert.Equal("ack 5\nhalf\n", client.ReadAvailable());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_wake_waits_until_the_handler_has_connected_and_comes_before_the_first_line(Kind kind)
    {
        await using LineTestConnection client = Start(kind, waitsInConnected: true).Connect();
        Assert.Equal("hello", await client.ReadLineAsync().InTime());
        await client.SendAsync("first\n");
        Commit();
        Assert.True(_connection.TryPush("pushed"u8));
        Assert.Equal("pushed", await client.ReadLineAsync().InTime());
        Assert.Empty(_calls);
        _go.SetResult();
        Assert.Equal("connected", await client.ReadLineAsync().InTime());
        Assert.Equal("ack 1", await client.ReadLineAsync().InTime());
        Assert.Equal("first", await client.ReadLineAsync().InTime());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_wake_is_served_while_a_handler_is_pending(Kind kind)
    {
        await using LineTestConnection client = Start(kind).Connect();
        await client.SendAsync("wait\nnext\n");
        for (int i = 1; i < 5; i++)
        {
            Commit();
            Assert.Equal($"ack {i}", await client.ReadLineAsync().InTime());
        }

        _go.SetResult();
        Assert.Equal("wait", await client.ReadLineAsync().InTime());
        Assert.Equal("next", await client.ReadLineAsync().InTime());
    }

    [Theory]
    [InlineData(Kind.PerLine)]
    [InlineData(Kind.Concurrent)]
    public async Task A_wake_does_not_come_within_the_reply_to_a_line(Kind kind)
    {
        await using LineTestConnection client = Start(kind).Connect();
        await client.SendAsync("part\nnext\n");
        if (kind == Kind.PerLine)
        {
            // A push shows that the loop has looked, and that the part has left.
            Assert.True(_connection.TryPush(""u8));
            Assert.Equal("<", await client.ReadLineAsync().InTime());
        }
        else
        {
            Assert.Equal("<", client.ReadAvailable());
        }

        Commit();
        Commit();
        Assert.Empty(Acknowledgements);
        _go.SetResult();
        string[] rest = [(await client.ReadLineAsync().InTime())!, (await client.ReadLineAsync().InTime())!, (await client.ReadLineAsync().InTime())!];
        Assert.Equal(">", rest[0]);
        Assert.Equal("ack 2, next", string.Join(", ", rest[1..].Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task A_wake_comes_before_the_reply_of_which_nothing_has_left()
    {
        var ready = new TaskCompletionSource();
        LineConnection? connection = null;
        Server server = Server.With(() => new Staging(made => connection = made, ready.Task));
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("line\n");
        connection!.Wake();
        Assert.Equal("ack", await client.ReadLineAsync().InTime());
        ready.SetResult();
        Assert.Equal("line", await client.ReadLineAsync().InTime());
    }

    [Fact]
    public async Task A_wake_is_served_while_a_handler_waits_for_its_payload()
    {
        await using LineTestConnection client = Start(Kind.PerLine).Connect();
        await client.SendAsync("payload\n12");
        Commit();
        Assert.Equal("ack 1\n", client.ReadAvailable());
        await client.SendAsync("345next\n");
        Assert.Equal("12345\nnext\n", client.ReadAvailable());
    }

    [Theory]
    [InlineData(Kind.Batch, false)]
    [InlineData(Kind.PerLine, false)]
    [InlineData(Kind.Concurrent, false)]
    [InlineData(Kind.Batch, true)]
    public async Task While_a_flush_is_pending_nothing_is_called(Kind kind, bool isHandlerPending)
    {
        await using LineTestConnection client = Start(kind).Connect(maxWriteBufferSize: 1);
        await client.SendAsync(isHandlerPending ? "reply and wait\n" : "line\n");
        for (int i = 0; i < 1000; i++)
        {
            Commit();
        }

        Assert.Equal("line", Calls);
        Assert.Equal(isHandlerPending ? "reply and wait\n" : "line\n", client.ReadAvailable());
        Assert.Equal("line, ack 1000", Calls);
        Commit();
        Commit();
        Assert.Equal(2, _calls.Count);
        Assert.Equal("ack 1000\n", client.ReadAvailable());
        Assert.Equal("ack 1002\n", client.ReadAvailable());
        _go.SetResult();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_wake_with_the_last_line_comes_before_the_last_word(Kind kind)
    {
        Server server = Start(kind);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("wait\nwake\n");
        client.HalfClose();
        _go.SetResult();
        // With several lines at once, the second has woken the connection while the first waits.
        string lines = kind == Kind.Concurrent ? "ack 3\nwait\nwake\n" : "wait\nwake\nack 3\n";
        Assert.Equal(lines + "bye PeerClosed\n", await client.ReadToEndAsync().InTime());
        await client.Closed.InTime();
    }

    [Theory]
    [InlineData("half-close")]
    [InlineData("drain")]
    [InlineData("close")]
    public async Task A_wake_before_the_end_is_served_and_none_after_the_last_word(string end)
    {
        _wakesInClosing = true;
        await using LineTestConnection client = Start(Kind.Batch).Connect(maxWriteBufferSize: 1);
        await client.SendAsync("line\n");
        switch (end)
        {
            case "half-close":
                client.HalfClose();
                break;
            case "drain":
                client.Drain();
                break;
            default:
                _connection.Close();
                break;
        }

        Commit();
        Task<string> reading = client.ReadLinesAsync();
        Until.True(() => Calls.Contains("bye", StringComparison.Ordinal));
        Commit();
        client.HalfClose();
        Assert.StartsWith("line\nack 1\nbye ", await reading.InTime(), StringComparison.Ordinal);
        await client.Closed.InTime();
        Commit();
        Assert.Equal("ack 1", Assert.Single(Acknowledgements));
    }

    [Fact]
    public async Task A_lost_connection_is_not_woken()
    {
        LineTestConnection client = Start(Kind.Batch).Connect();
        await client.SendAsync("reply and wait\n");
        _connection.Abort();
        Commit();
        _go.SetResult();
        await client.Closed.InTime();
        Commit();
        Assert.Equal("line", Calls);
        await client.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_handler_that_throws_when_woken_ends_its_connection_after_the_lines_that_have_begun(Kind kind)
    {
        Server server = Start(kind);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("wait\n");
        _failsToWake = true;
        Commit();
        Until.True(() => server.Log.At(LogLevel.Error).Any());
        Commit();
        _go.SetResult();
        // A batch handler replies in its next call, and gets none.
        Assert.Equal(kind == Kind.Batch ? "bye HandlerError\n" : "wait\nbye HandlerError\n", await client.ReadToEndAsync().InTime());
        Assert.Contains("OnWake", Assert.Single(server.Log.At(LogLevel.Error)), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task In_a_storm_of_wakes_while_lines_flow_values_only_grow_and_the_last_one_arrives(Kind kind)
    {
        const int Threads = 4;
        const int Each = 3000;
        await using LineTestConnection client = Start(kind).Connect();
        Task[] committing = [.. Enumerable.Range(0, Threads).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                Commit();
            }
        }))];
        Task sender = Task.Run(async () =>
        {
            for (int i = 0; i < 500; i++)
            {
                await client.SendAsync(i % 10 == 0 ? $"yield\nline {i}\n" : $"line {i}\n");
            }
        });
        var seen = new Seen();
        while (!seen.IsComplete(550, Threads * Each))
        {
            seen.Add((await client.ReadLineAsync().InTime())!);
        }

        await Task.WhenAll([.. committing, sender]).InTime();
        Assert.InRange(Acknowledgements.Count(), 1, Threads * Each);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task In_a_storm_of_wakes_over_a_socket_values_only_grow_and_the_last_one_arrives(Kind kind)
    {
        const int Threads = 2;
        const int Each = 20_000;
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => Handler(kind), options: options => Configure(options, kind));
        using Socket client = await endpoint.ConnectAndEchoAsync();
        Task[] committing = [.. Enumerable.Range(0, Threads).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                Commit();
            }
        }))];
        Task sender = Task.Run(async () =>
        {
            for (int i = 0; i < 500; i++)
            {
                await client.SendTextAsync(i % 10 == 0 ? $"yield\nline {i}\n" : $"line {i}\n");
            }
        });
        var seen = new Seen();
        using var reader = new StreamReader(new NetworkStream(client));
        while (!seen.IsComplete(550, Threads * Each))
        {
            seen.Add((await reader.ReadLineAsync().InTime())!);
        }

        await Task.WhenAll([.. committing, sender]).InTime();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task On_an_event_loop_the_handler_is_woken_there_within_its_context(Kind kind)
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => Handler(kind), options: options => Configure(options, kind));
        using Socket client = await endpoint.ConnectAndEchoAsync();
        _calls.Clear();
        Commit();
        Assert.Equal("ack 1\n", await client.ReceiveTextAsync(6));
        await client.SendTextAsync("wait\n");
        Until.True(() => Calls.Contains("line", StringComparison.Ordinal));
        Commit();
        Assert.Equal("ack 2\n", await client.ReceiveTextAsync(6));
        _go.SetResult();
        Assert.Equal("wait\n", await client.ReceiveTextAsync(5));
        Assert.Equal("ack 1, line, ack 2", Calls);
        Assert.Equal("loop in context, loop in context", Places);
    }

    [Fact]
    public async Task A_handler_that_has_blocked_its_loop_is_woken_on_the_thread_pool()
    {
        await using var server = new LoopServer(TimeSpan.FromMilliseconds(20));
        ConnectionEndpoint endpoint = await server.ListenAsync(() => Handler(Kind.PerLine));
        using Socket client = await endpoint.ConnectAndEchoAsync();
        await client.SendTextAsync("block\n");
        Assert.Equal("block\n", await client.ReceiveTextAsync(6));
        Commit();
        Assert.Equal("ack 1\n", await client.ReceiveTextAsync(6));
        await client.SendTextAsync("wait\n");
        Until.True(() => _calls.Count(call => call == "line") == 3);
        for (int i = 2; i < 5; i++)
        {
            Commit();
            Assert.Equal($"ack {i}\n", await client.ReceiveTextAsync(6));
        }

        _go.SetResult();
        Assert.Equal("wait\n", await client.ReceiveTextAsync(5));
        Assert.All(_places, place => Assert.StartsWith("pool", place, StringComparison.Ordinal));
    }

    private void Commit()
    {
        Interlocked.Increment(ref _committed);
        _connection.Wake();
    }

    private Server Start(Kind kind, bool waitsInConnected = false) =>
        Server.With(() => Handler(kind, waitsInConnected), options => Configure(options, kind));

    private static void Configure(LineOptions options, Kind kind) => options.MaxConcurrentLines = kind == Kind.Concurrent ? 3 : 1;

    private LineHandlerBase Handler(Kind kind, bool waitsInConnected = false) =>
        kind == Kind.Batch ? new Batching(this, waitsInConnected) : new PerLine(this, waitsInConnected);

    private ValueTask OnConnected(LineConnection connection, LineOutput output, bool waits)
    {
        _connection = connection;
        return waits ? GreetAsync(output) : default;
    }

    private async ValueTask GreetAsync(LineOutput output)
    {
        output.WriteLine("hello");
        await _go.Task;
        output.WriteLine("connected");
    }

    private void OnWake(LineOutput output)
    {
        if (_failsToWake)
        {
            throw new InvalidOperationException("OnWake of the test");
        }

        string line = $"ack {Interlocked.Read(ref _committed)}";
        _calls.Enqueue(line);
        _places.Enqueue(LoopServer.Here + (SynchronizationContext.Current is null ? "" : " in context"));
        output.WriteLine(line);
    }

    private void OnClosing(CloseReason reason, LineOutput output)
    {
        _calls.Enqueue("bye");
        if (_wakesInClosing)
        {
            Commit();
        }

        output.WriteLine($"bye {reason}");
    }

    private void OnLine(string line)
    {
        _calls.Enqueue("line");
        switch (line)
        {
            case "wake":
                Commit();
                Commit();
                Commit();
                break;
            case "block":
                Thread.Sleep(100); // what makes the handlers move
                break;
        }
    }

    /// <summary>The values that a client has seen: none after a larger one.</summary>
    private sealed class Seen
    {
        private long _last;
        private int _replies;

        public void Add(string line)
        {
            if (!line.StartsWith("ack ", StringComparison.Ordinal))
            {
                _replies++;
                return;
            }

            long value = long.Parse(line.AsSpan(4), CultureInfo.InvariantCulture);
            Assert.InRange(value, _last, long.MaxValue);
            _last = value;
        }

        public bool IsComplete(int replies, long value) => _replies == replies && _last == value;
    }

    private sealed class Batching(WakeTests test, bool waitsInConnected) : LineBatchHandler
    {
        private string? _afterWait;

        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken) =>
            test.OnConnected(Connection, output, waitsInConnected);

        public override ValueTask OnBatch(LineBatch batch)
        {
            if (_afterWait is not null)
            {
                batch.Output.WriteLine(_afterWait);
                _afterWait = null;
            }

            while (batch.TryRead(out Line line))
            {
                string text = Encoding.ASCII.GetString(line.Span);
                test.OnLine(text);
                if (text == "wait")
                {
                    _afterWait = text;
                    return new ValueTask(test._go.Task);
                }

                batch.Output.WriteLine(line);
                if (text == "reply and wait")
                {
                    return new ValueTask(test._go.Task);
                }

                if (text == "yield")
                {
                    return YieldAsync();
                }
            }

            return default;
        }

        public override void OnWake(LineOutput output) => test.OnWake(output);

        public override void OnClosing(CloseReason reason, LineOutput output) => test.OnClosing(reason, output);

        private static async ValueTask YieldAsync() => await Task.Yield();
    }

    private sealed class PerLine(WakeTests test, bool waitsInConnected) : LineHandler
    {
        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken) =>
            test.OnConnected(Connection, output, waitsInConnected);

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            string text = Encoding.ASCII.GetString(line.Span);
            test.OnLine(text);
            switch (text)
            {
                case "wait":
                    await test._go.Task;
                    break;
                case "yield":
                    await Task.Yield();
                    break;
                case "payload":
                    reply.Write(await Connection.ReadPayloadAsync(5));
                    reply.Write([reply.Delimiter]);
                    return;
                case "part":
                    reply.Write("<"u8);
                    await test._go.Task;
                    reply.WriteLine(">"u8);
                    return;
            }

            reply.WriteLine(text);
        }

        public override void OnWake(LineOutput output) => test.OnWake(output);

        public override void OnClosing(CloseReason reason, LineOutput output) => test.OnClosing(reason, output);
    }

    /// <summary>Replies when it may.</summary>
    private sealed class Staging(Action<LineConnection> connected, Task ready) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            await ready;
            reply.WriteLine(line.Span);
        }

        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            connected(Connection);
            return default;
        }

        public override void OnWake(LineOutput output) => output.WriteLine("ack");
    }
}
