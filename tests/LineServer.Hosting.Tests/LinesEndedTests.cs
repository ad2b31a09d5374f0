using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>The handler's own end: after the last line and before the last word, and the connection waits for it.</summary>
public class LinesEndedTests
{
    private readonly TaskCompletionSource _go = new();
    private readonly TaskCompletionSource _line = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<string> _calls = new();
    private LineConnection _connection = null!;
    private CancellationToken _aborted;
    private string _wake = "wake";

    public enum Kind
    {
        Batch,
        PerLine,
        Concurrent,
    }

    public enum Failure
    {
        AtOnce,
        Later,
        CancelledByItself,
    }

    public static TheoryData<Kind> Kinds => [.. Enum.GetValues<Kind>()];

    private string Calls => string.Join(", ", _calls);

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task After_a_half_close_wakes_and_pushes_are_sent_until_the_handler_has_ended_then_its_last_word_and_FIN(Kind kind)
    {
        await using LineTestConnection client = Start(kind).Connect();
        await client.SendAsync("a\nb\n");
        client.HalfClose();
        Assert.Equal("a\nb\n", client.ReadAvailable());
        for (int i = 0; i < 3; i++)
        {
            _wake = $"wake {i}";
            _connection.Wake();
            Assert.Equal(_wake, await client.ReadLineAsync().InTime());
            Assert.True(_connection.TryPush("push"u8));
            Assert.Equal("push", await client.ReadLineAsync().InTime());
        }

        Assert.False(client.Closed.IsCompleted);
        _go.SetResult();
        Assert.Equal("bye PeerClosed\n", await client.ReadToEndAsync().InTime());
        await client.Closed.InTime();
        Assert.Equal("line, line, ended PeerClosed, OnWake, OnWake, OnWake, bye PeerClosed, disconnected PeerClosed", Calls);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task It_is_called_when_the_handler_of_every_line_has_ended(Kind kind)
    {
        await using LineTestConnection client = Start(kind).Connect();
        await client.SendAsync("wait\n");
        client.HalfClose();
        Assert.Equal("line", Calls);
        _line.SetResult();
        Until.True(() => _calls.Count == 2);
        Assert.Equal("wait\n", client.ReadAvailable());
        _go.SetResult();
        Assert.Equal("bye PeerClosed\n", await client.ReadToEndAsync().InTime());
        await client.Closed.InTime();
        Assert.Equal("line, ended PeerClosed, bye PeerClosed, disconnected PeerClosed", Calls);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_was_woken_and_pushed_before_a_synchronous_end_comes_before_the_last_word(Kind kind)
    {
        await using LineTestConnection client = Start(kind).Connect();
        _go.SetResult();
        await client.SendAsync("wake and push\n");
        client.HalfClose();
        Assert.Equal("wake and push\nwake\npush\nbye PeerClosed\n", await client.ReadToEndAsync().InTime());
        await client.Closed.InTime();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task In_a_drain_nothing_more_is_read_and_the_end_is_waited_for(Kind kind)
    {
        await using LineTestConnection client = Start(kind).Connect();
        await client.SendAsync("a\n");
        client.Drain();
        await client.SendAsync("late\n");
        _connection.Wake();
        Assert.Equal("a", await client.ReadLineAsync().InTime());
        Assert.Equal("wake", await client.ReadLineAsync().InTime());
        _go.SetResult();
        Assert.Equal("bye Drain\n", await client.ReadToEndAsync().InTime());
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal("line, ended Drain, OnWake, bye Drain, disconnected Drain", Calls);
    }

    [Theory]
    [InlineData("a\n", CloseReason.IdleTimeout)]
    [InlineData("a\nhalf", CloseReason.LineTimeout)]
    [InlineData("a\ntoo long a line\n", CloseReason.LineTooLong)]
    [InlineData("close\n", CloseReason.HandlerClosed)]
    [InlineData("throw\n", CloseReason.HandlerError)]
    [InlineData("full\n", CloseReason.MailboxFull)]
    public async Task Before_every_orderly_close_it_is_called_once(string sent, CloseReason reason)
    {
        Server server = Start(Kind.Batch, options =>
        {
            options.Limits.MaxLineSize = 10;
            options.Limits.IdleTimeout = TimeSpan.FromMinutes(2);
            options.Limits.MailboxSize = 3;
            options.MailboxFullBehavior = MailboxFullBehavior.Close;
        });
        await using LineTestConnection client = server.Connect();
        await client.SendAsync(sent);
        server.Time.Advance(TimeSpan.FromMinutes(3));
        Assert.Equal($"line, ended {reason}", Calls);
        _go.SetResult();
        client.HalfClose();
        Assert.EndsWith($"bye {reason}\n", await client.ReadToEndAsync().InTime(), StringComparison.Ordinal);
        await client.Closed.InTime();
        Assert.Equal($"line, ended {reason}, bye {reason}, disconnected {reason}", Calls);
    }

    [Theory]
    [InlineData("reset")]
    [InlineData("abort")]
    [InlineData("drain timeout")]
    [InlineData("drain timeout of the half-closed")]
    [InlineData("handler timeout")]
    [InlineData("send timeout")]
    public async Task A_lost_connection_cancels_the_end_and_is_closed_before_that_ends_and_tells_the_handler_after_it(string how)
    {
        Server server = Start(Kind.Batch, options => options.Limits.HandlerTimeout = how == "handler timeout" ? TimeSpan.FromSeconds(5) : null);
        LineTestConnection client = server.Connect(maxWriteBufferSize: 10);
        await client.SendAsync("a\n");
        switch (how)
        {
            case "drain timeout":
                client.Drain();
                break;
            default:
                client.HalfClose();
                break;
        }

        string started = Calls;
        Assert.False(_aborted.IsCancellationRequested);
        switch (how)
        {
            case "reset":
                client.Reset();
                Assert.False(_aborted.IsCancellationRequested); // nothing is read
                _connection.Wake(); // a send notices it
                break;
            case "abort":
                _connection.Abort();
                break;
            case "send timeout":
                Assert.True(_connection.TryPush("more than its client takes"u8));
                // The push is on its way to the client on another thread.
                Until.True(() =>
                {
                    server.Time.Advance(TimeSpan.FromSeconds(10));
                    return _aborted.IsCancellationRequested;
                });
                break;
            case "drain timeout of the half-closed":
                client.Drain();
                server.Time.Advance(TimeSpan.FromSeconds(20));
                break;
            default:
                server.Time.Advance(TimeSpan.FromSeconds(20));
                break;
        }

        Until.True(() => _aborted.IsCancellationRequested);
        // The transport is closed, and the handler is not told before its task has ended.
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await client.ReadLinesAsync().InTime();
            throw new InvalidOperationException("The client has not been reset.");
        });
        Assert.False(client.Closed.IsCompleted);
        Assert.DoesNotContain("disconnected", Calls, StringComparison.Ordinal);
        _go.SetResult();
        await client.Closed.InTime();
        CloseReason reason = how == "drain timeout" ? CloseReason.DrainTimeout : CloseReason.PeerClosed;
        Assert.Equal($"{started}{(how == "reset" ? ", OnWake" : "")}, disconnected {reason}", Calls);
        Assert.Empty(server.Log.At(LogLevel.Error));
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_handler_that_heeds_the_token_ends_with_the_connection_and_nothing_is_logged()
    {
        Server server = Start(Kind.PerLine);
        LineTestConnection client = server.Connect();
        await client.SendAsync("a\nheed\n");
        client.HalfClose();
        Assert.False(client.Closed.IsCompleted);
        _connection.Abort();
        await client.Closed.InTime();
        Assert.Equal("line, line, ended PeerClosed, disconnected PeerClosed", Calls);
        Assert.Empty(server.Log.At(LogLevel.Error));
        await client.DisposeAsync();
    }

    [Theory]
    [InlineData(Failure.AtOnce)]
    [InlineData(Failure.Later)]
    [InlineData(Failure.CancelledByItself)]
    public async Task An_exception_is_logged_and_the_connection_closes_in_order_for_its_own_reason(Failure failure)
    {
        Server server = Start(Kind.PerLine);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync($"{failure}\n");
        client.HalfClose();
        _go.SetResult();
        Assert.Equal($"{failure}\nbye PeerClosed\n", await client.ReadToEndAsync().InTime());
        await client.Closed.InTime();
        Assert.Contains("OnLinesEndedAsync", Assert.Single(server.Log.At(LogLevel.Error)), StringComparison.Ordinal);
        Assert.Equal("line, ended PeerClosed, bye PeerClosed, disconnected PeerClosed", Calls);
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("reset")]
    public async Task It_is_not_called_if_nothing_can_be_sent(string how)
    {
        LineTestConnection client = Start(Kind.Batch).Connect();
        await client.SendAsync("a\n");
        if (how == "abort")
        {
            _connection.Abort();
        }
        else
        {
            client.Reset();
        }

        await client.Closed.InTime();
        Assert.Equal($"line, disconnected {(how == "abort" ? CloseReason.Aborted : CloseReason.PeerReset)}", Calls);
        await client.DisposeAsync();
    }

    [Fact]
    public async Task It_is_not_called_if_the_handler_has_failed_to_connect()
    {
        Server server = Server.With(() => new PerLine(this, failsToConnect: true));
        await using LineTestConnection client = server.Connect();
        Assert.Equal("bye HandlerError\n", await client.ReadToEndAsync().InTime());
        Assert.Equal("bye HandlerError", Calls);
    }

    [Theory]
    [InlineData("a\nhalf", 4, IncompleteLineBehavior.Discard)]
    [InlineData("a\nhalf", 4, IncompleteLineBehavior.Deliver)]
    [InlineData("a\r", 2, IncompleteLineBehavior.Discard)]
    [InlineData("a\n", 0, IncompleteLineBehavior.Discard)]
    [InlineData("", 0, IncompleteLineBehavior.Discard)]
    public async Task The_length_of_an_incomplete_line_is_known_at_the_end_and_not_before(string sent, long length, IncompleteLineBehavior behavior)
    {
        await using LineTestConnection client = Start(Kind.Batch, options => options.IncompleteLineBehavior = behavior).Connect();
        foreach (char c in sent)
        {
            await client.SendAsync(c.ToString());
            Assert.Equal(0, _connection.IncompleteLength);
        }

        client.HalfClose();
        Assert.Equal(length, _connection.IncompleteLength);
        _go.SetResult();
        string read = await client.ReadToEndAsync().InTime();
        Assert.Equal(behavior == IncompleteLineBehavior.Deliver, read.Contains("half", StringComparison.Ordinal));
        await client.Closed.InTime();
        Assert.Equal(length, _connection.IncompleteLength);
    }

    [Theory]
    [InlineData(Kind.Batch, HandlerScheduling.Auto)]
    [InlineData(Kind.PerLine, HandlerScheduling.Auto)]
    [InlineData(Kind.Concurrent, HandlerScheduling.Auto)]
    [InlineData(Kind.Batch, HandlerScheduling.EventLoop)]
    [InlineData(Kind.PerLine, HandlerScheduling.ThreadPool)]
    public async Task Over_a_socket_the_end_is_waited_for_and_served(Kind kind, HandlerScheduling scheduling)
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => Handler(kind), scheduling, options: options => Configure(options, kind));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("a\nb\n");
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal("a\nb\n", await client.ReceiveTextAsync(4));
        Until.True(() => _calls.Count == 3);
        for (int i = 0; i < 3; i++)
        {
            _connection.Wake();
            Assert.Equal("wake\n", await client.ReceiveTextAsync(5));
        }

        _go.SetResult();
        Assert.Equal("bye PeerClosed\n", await client.ReceiveToEndAsync());
        Until.True(() => _calls.Count == 8);
        Assert.Equal("line, line, ended PeerClosed, OnWake, OnWake, OnWake, bye PeerClosed, disconnected PeerClosed", Calls);
    }

    [Theory]
    [InlineData(Kind.Batch)]
    [InlineData(Kind.PerLine)]
    public async Task Over_a_socket_a_lost_connection_ends_the_wait(Kind kind)
    {
        await using var server = new LoopServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => Handler(kind));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("a\n");
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal("a\n", await client.ReceiveTextAsync(2));
        Until.True(() => _calls.Count == 2);
        _connection.Abort();
        Assert.True(_aborted.IsCancellationRequested);
        await Assert.ThrowsAnyAsync<SocketException>(async () => await client.ReceiveAsync(new byte[1]).InTime());
        Assert.Equal("line, ended PeerClosed", Calls);
        _go.SetResult();
        Until.True(() => _calls.Count == 3);
        Assert.Equal("line, ended PeerClosed, disconnected PeerClosed", Calls);
    }

    private Server Start(Kind kind, Action<LineOptions>? options = null) => Server.With(() => Handler(kind), lines =>
    {
        Configure(lines, kind);
        options?.Invoke(lines);
    });

    private static void Configure(LineOptions options, Kind kind) => options.MaxConcurrentLines = kind == Kind.Concurrent ? 3 : 1;

    private LineHandlerBase Handler(Kind kind) => kind == Kind.Batch ? new Batching(this) : new PerLine(this);

    private ValueTask OnLine(string line)
    {
        _calls.Enqueue("line");
        switch (line)
        {
            case "close":
                _connection.Close();
                break;
            case "throw":
                throw new InvalidOperationException("a line of the test");
            case "full":
                Assert.False(_connection.TryPush("too much"u8));
                break;
            case "wake and push":
                _connection.Wake();
                Assert.True(_connection.TryPush("push"u8));
                break;
        }

        return line == "wait" ? new ValueTask(_line.Task) : default;
    }

    private async ValueTask EndAsync(CloseReason reason, string line, CancellationToken cancellationToken)
    {
        _aborted = cancellationToken;
        _calls.Enqueue($"ended {reason}");
        if (line == nameof(Failure.AtOnce))
        {
            throw new InvalidOperationException("the end of the test");
        }

        await (line == "heed" ? _go.Task.WaitAsync(cancellationToken) : _go.Task);
        if (line == nameof(Failure.Later))
        {
            throw new InvalidOperationException("the end of the test");
        }

        if (line == nameof(Failure.CancelledByItself))
        {
            throw new OperationCanceledException("the end of the test");
        }
    }

    private void OnWake(LineOutput output)
    {
        _calls.Enqueue("OnWake");
        output.WriteLine(_wake);
    }

    private void OnClosing(CloseReason reason, LineOutput output)
    {
        _calls.Enqueue($"bye {reason}");
        output.WriteLine($"bye {reason}");
    }

    private ValueTask OnDisconnected(CloseReason reason)
    {
        _calls.Enqueue($"disconnected {reason}");
        return default;
    }

    private sealed class Batching(LinesEndedTests test) : LineBatchHandler
    {
        private string _last = "";

        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            test._connection = Connection;
            return default;
        }

        public override ValueTask OnBatch(LineBatch batch)
        {
            while (batch.TryRead(out Line line))
            {
                _last = Encoding.ASCII.GetString(line.Span);
                ValueTask handled = test.OnLine(_last);
                batch.Output.WriteLine(line);
                if (!handled.IsCompleted)
                {
                    return handled;
                }
            }

            return default;
        }

        public override void OnWake(LineOutput output) => test.OnWake(output);

        public override ValueTask OnLinesEndedAsync(CloseReason reason, CancellationToken cancellationToken) =>
            test.EndAsync(reason, _last, cancellationToken);

        public override void OnClosing(CloseReason reason, LineOutput output) => test.OnClosing(reason, output);

        public override ValueTask OnDisconnectedAsync(CloseReason reason) => test.OnDisconnected(reason);
    }

    private sealed class PerLine(LinesEndedTests test, bool failsToConnect = false) : LineHandler
    {
        private string _last = "";

        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            test._connection = Connection;
            return failsToConnect ? throw new InvalidOperationException("the connection of the test") : default;
        }

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            _last = Encoding.ASCII.GetString(line.Span);
            await test.OnLine(_last);
            reply.WriteLine(line.Span);
        }

        public override void OnWake(LineOutput output) => test.OnWake(output);

        public override ValueTask OnLinesEndedAsync(CloseReason reason, CancellationToken cancellationToken) =>
            test.EndAsync(reason, _last, cancellationToken);

        public override void OnClosing(CloseReason reason, LineOutput output) => test.OnClosing(reason, output);

        public override ValueTask OnDisconnectedAsync(CloseReason reason) => test.OnDisconnected(reason);
    }
}
