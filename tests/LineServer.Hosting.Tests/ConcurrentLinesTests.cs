using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests;

/// <summary>
/// Several lines of a connection are handled at once (<see cref="LineOptions.MaxConcurrentLines"/>), and answered in order.
/// </summary>
public sealed class ConcurrentLinesTests : IDisposable
{
    private const int AtOnce = 4;

    private readonly Gates _gates = new();
    private readonly ListLogger _log = new();
    private CloseReason _reason;

    public enum Place
    {
        Loop,
        ThreadPool,
        Sockets,
    }

    public static TheoryData<Place> Places => [.. Enum.GetValues<Place>()];

    public void Dispose() => _log.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1025)]
    public void The_number_is_bounded(int lines)
    {
        OptionsValidationException error = Assert.Throws<OptionsValidationException>(() => LineTestConnection.Build(
            builder => builder.UseLines<Echo>(options => options.MaxConcurrentLines = lines)));
        Assert.Equal($"MaxConcurrentLines must be 1 to 1024, not {lines}.", error.Message);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Replies_come_in_the_order_of_lines_though_the_last_ends_first(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("a\nb\nc\n");
        await _gates.BegunAsync("a", "b", "c");
        _gates.End("c");
        _gates.End("b");
        // Neither may be answered. A line that needs no wait shows that the loop has been there, after them.
        await client.SendTextAsync("now\n");
        await _gates.BegunAsync("now");
        Assert.Equal(0, client.Available);
        _gates.End("a");
        Assert.Equal("a\nb\nc\nnow\n", await client.ReceiveTextAsync(10));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task No_more_lines_begin_than_may(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        string[] names = [.. Enumerable.Range(0, 3 * AtOnce).Select(i => $"{i:D2}")];
        await client.SendTextAsync(string.Concat(names.Select(name => name + "\n")));
        for (int first = 0; first < names.Length; first += AtOnce)
        {
            await _gates.BegunAsync(names[first..(first + AtOnce)]);
            // The last first: they make no room while the first is pending.
            for (int i = first + AtOnce - 1; i >= first; i--)
            {
                Assert.Equal(first + AtOnce, _gates.Begun);
                _gates.End(names[i]);
            }
        }

        Assert.Equal(string.Concat(names.Select(name => name + "\n")), await client.ReceiveTextAsync(3 * names.Length));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task What_the_first_line_stages_is_sent_while_it_waits_and_of_the_others_nothing(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("early a\nearly b\n");
        Assert.Equal("early a...\n", await client.ReceiveTextAsync(11));
        await _gates.BegunAsync("early a", "early b");
        _gates.End("early a");
        Assert.Equal("early a\nearly b...\n", await client.ReceiveTextAsync(19));
        Assert.Equal(0, client.Available);
        _gates.End("early b");
        Assert.Equal("early b\n", await client.ReceiveTextAsync(8));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task A_pending_line_keeps_its_text_while_others_arrive(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        string[] lines = [.. Enumerable.Range(0, AtOnce).Select(i => new string((char)('a' + i), 5000 * (i + 1)))];
        foreach (string line in lines)
        {
            await client.SendTextAsync(line + "\n");
            await _gates.BegunAsync(line);
        }

        foreach (string line in lines.Reverse())
        {
            _gates.End(line);
        }

        string expected = string.Concat(lines.Select(line => line + "\n"));
        Assert.Equal(expected, await client.ReceiveTextAsync(expected.Length));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Lines_that_are_pending_when_the_client_half_closes_are_answered(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("a\nb\nc\n");
        client.Shutdown(SocketShutdown.Send);
        await _gates.BegunAsync("a", "b", "c");
        _gates.End("b");
        _gates.End("c");
        _gates.End("a");
        Assert.Equal("a\nb\nc\n", await client.ReceiveToEndAsync());
        Until.True(() => _reason == CloseReason.PeerClosed);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task A_close_answers_the_lines_that_have_begun(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("a\nb\n");
        await _gates.BegunAsync("a", "b");
        _gates.Connection!.Close();
        _gates.End("b");
        _gates.End("a");
        Assert.Equal("a\nb\n", await client.ReceiveToEndAsync());
        client.Shutdown(SocketShutdown.Send);
        Until.True(() => _reason == CloseReason.HandlerClosed);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task A_server_that_stops_waits_for_the_lines_that_have_begun(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("a\nb\n");
        await _gates.BegunAsync("a", "b");
        Task stopped = host.Endpoint.StopAsync();
        _gates.End("b");
        _gates.End("a");
        Assert.Equal("a\nb\n", await client.ReceiveToEndAsync());
        client.Shutdown(SocketShutdown.Send);
        await stopped.InTime();
        Assert.Equal(CloseReason.Drain, _reason);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task The_line_that_fails_ends_the_connection_when_those_before_it_are_answered_and_those_after_it_have_ended(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("a\nthrow\nc\n");
        await _gates.BegunAsync("a", "throw", "c");
        _gates.End("throw");
        _gates.End("a");
        Assert.Equal("a\n", await client.ReceiveTextAsync(2));
        Assert.Equal(CloseReason.None, _reason); // OnDisconnectedAsync is the last call
        _gates.End("c");
        Assert.Equal("", await client.ReceiveToEndAsync());
        client.Shutdown(SocketShutdown.Send);
        Until.True(() => _reason == CloseReason.HandlerError);
        Assert.Single(_log.At(LogLevel.Error), message => message.Contains("the handler", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task An_abort_cancels_all_pending_lines(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("until abort 1\nuntil abort 2\n");
        await _gates.BegunAsync("until abort 1", "until abort 2");
        _gates.Connection!.Abort();
        Until.True(() => _reason == CloseReason.Aborted);
        Assert.Empty(_log.At(LogLevel.Error));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Pushes_are_sent_while_lines_are_pending(Place place)
    {
        await using Host host = await StartAsync(place);
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("a\n");
        await _gates.BegunAsync("a");
        Assert.True(_gates.Connection!.TryPush("pushed"u8));
        Assert.Equal("pushed\n", await client.ReceiveTextAsync(7));
        _gates.End("a");
        Assert.Equal("a\n", await client.ReceiveTextAsync(2));
    }

    [Theory]
    [InlineData("flush")]
    [InlineData("payload")]
    public async Task A_handler_cannot_flush_or_read_a_payload(string what)
    {
        Server server = Server.With(() => new Requesting(what), options => options.MaxConcurrentLines = AtOnce);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\n");
        Assert.Equal("Not with MaxConcurrentLines above 1.", await client.ReadLineAsync().InTime());
    }

    [Fact]
    public async Task Lines_may_share_one_task()
    {
        var commit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Host host = await StartAsync(Place.Loop, () => new Shares(commit.Task));
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("a\nb\nc\n");
        commit.SetResult();
        Assert.Equal("a\nb\nc\n", await client.ReceiveTextAsync(6));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task The_time_of_each_line_is_limited_and_the_client_is_not_idle_meanwhile(Place place)
    {
        var time = new ManualTimeProvider();
        await using Host host = await StartAsync(place, time: time, options: options =>
        {
            options.Limits.HandlerTimeout = TimeSpan.FromSeconds(10);
            options.Limits.IdleTimeout = TimeSpan.FromSeconds(2);
        });
        using Socket client = await host.Endpoint.ConnectAsync();
        await client.SendTextAsync("a\n");
        await _gates.BegunAsync("a");
        CancellationToken aborted = _gates.Connection!.Aborted;
        time.Advance(TimeSpan.FromSeconds(5));
        await client.SendTextAsync("b\n");
        await _gates.BegunAsync("b");
        time.Advance(TimeSpan.FromSeconds(3));
        _gates.End("a");
        Assert.Equal("a\n", await client.ReceiveTextAsync(2));
        // "b" has some 7 seconds left, and ticks may be a second late.
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(aborted.IsCancellationRequested);
        Until.True(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return aborted.IsCancellationRequested;
        });
        _gates.End("b");
        Until.True(() => _reason == CloseReason.HandlerTimeout);
    }

    /// <summary>
    /// Many connections, lines that wait for everything there is, and handlers that block and so move from the loop to the
    /// thread pool.
    /// </summary>
    [Theory]
    [InlineData(Place.Loop, false)]
    [InlineData(Place.Loop, true)]
    [InlineData(Place.ThreadPool, false)]
    [InlineData(Place.Sockets, false)]
    public async Task Under_load_every_line_is_answered_once_and_in_order(Place place, bool blocks)
    {
        const int Clients = 16;
        const int Lines = 2000;
        await using Host host = await StartAsync(place, () => new Waiting(blocks), threshold: blocks ? TimeSpan.FromMilliseconds(20) : null);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(n => Task.Run(async () =>
        {
            using Socket client = await host.Endpoint.ConnectAsync();
            string lines = string.Concat(Enumerable.Range(0, Lines).Select(i => $"{n} {i} {new string('x', i % 97)}\n"));
            Task sent = client.SendTextAsync(lines);
            Assert.Equal(lines, await client.ReceiveTextAsync(lines.Length));
            await sent.InTime();
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal("", await client.ReceiveToEndAsync());
        }))).InTime();
        Assert.Empty(_log.At(LogLevel.Error));
    }

    private async Task<Host> StartAsync(
        Place place,
        Func<LineHandlerBase>? handler = null,
        Action<LineOptions>? options = null,
        TimeProvider? time = null,
        TimeSpan? threshold = null)
    {
        handler ??= () => new Gated(_gates, reason => _reason = reason);
        if (place == Place.Sockets)
        {
            var server = new TestServer(time: time, log: _log);
            return new Host(await server.ListenAsync(endpoint => endpoint.UseLines(_ => handler(), Configure)), server);
        }

        var loop = new LoopServer(threshold, _log, time, _log);
        HandlerScheduling scheduling = place == Place.Loop ? HandlerScheduling.Auto : HandlerScheduling.ThreadPool;
        return new Host(await loop.ListenAsync(handler, scheduling, options: Configure), loop);

        void Configure(LineOptions lines)
        {
            lines.MaxConcurrentLines = AtOnce;
            options?.Invoke(lines);
        }
    }

    private sealed record Host(ConnectionEndpoint Endpoint, IAsyncDisposable Server) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    /// <summary>Lets a test decide when the handler of a line ends.</summary>
    private sealed class Gates
    {
        private readonly ConcurrentDictionary<string, Gate> _gates = new(StringComparer.Ordinal);
        private int _begun;

        public LineConnection? Connection { get; set; }

        public int Begun => Volatile.Read(ref _begun);

        public Task BeginAsync(string line)
        {
            Gate gate = Of(line);
            Interlocked.Increment(ref _begun);
            gate.Begun.TrySetResult();
            return gate.Ends.Task;
        }

        public Task BegunAsync(params string[] lines) => Task.WhenAll(lines.Select(line => Of(line).Begun.Task)).InTime();

        public void End(string line) => Of(line).Ends.TrySetResult();

        private Gate Of(string line) => _gates.GetOrAdd(line, _ => new Gate());

        private sealed class Gate
        {
            public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

            public TaskCompletionSource Ends { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private sealed class Gated(Gates gates, Action<CloseReason> onDisconnected) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            gates.Connection = Connection;
            string text = Encoding.ASCII.GetString(line.Span);
            Task end = gates.BeginAsync(text);
            if (text.StartsWith("early", StringComparison.Ordinal))
            {
                reply.WriteLine($"{text}...");
            }

            if (text.StartsWith("until abort", StringComparison.Ordinal))
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            if (text != "now")
            {
                await end;
            }

            if (text == "throw")
            {
                throw new InvalidOperationException("on purpose");
            }

            reply.WriteLine(line.Span);
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            onDisconnected(reason);
            return default;
        }
    }

    private sealed class Requesting(string what) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            try
            {
                await (what == "flush" ? Connection.FlushAsync() : new ValueTask(Connection.ReadPayloadAsync(1).AsTask()));
            }
            catch (InvalidOperationException e)
            {
                reply.WriteLine(e.Message);
            }
        }
    }

    private sealed class Echo : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken) => default;
    }

    private sealed class Shares(Task commit) : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(line.Span);
            return new ValueTask(commit);
        }
    }

    /// <summary>Waits in another way for each line, by its number.</summary>
    private sealed class Waiting(bool blocks) : LineHandler
    {
        private int _count;

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            int number = Interlocked.Increment(ref _count);
            switch (number % 7)
            {
                case 0:
                    await Task.Yield();
                    break;
                case 1:
                    await Task.Run(static () => { }, cancellationToken);
                    break;
                case 2:
                    await Task.Run(static () => { }, cancellationToken).ConfigureAwait(false);
                    break;
                case 3 when number % 5 == 0:
                    await Task.Delay(1, cancellationToken);
                    break;
                case 4:
                    reply.Write(line.Span[..1]);
                    await Task.Yield();
                    reply.WriteLine(line.Span[1..]);
                    return;
            }

            if (blocks && number == 500)
            {
                Thread.Sleep(50); // what the test is about
            }

            reply.WriteLine(line.Span);
        }
    }
}
