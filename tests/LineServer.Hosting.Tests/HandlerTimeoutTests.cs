using System.Buffers;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>How long a handler may take for a line, and a client to send its first line.</summary>
public class HandlerTimeoutTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CloseReason _reason;

    [Theory]
    [InlineData("wait")]
    [InlineData("connect")]
    public async Task A_handler_that_works_too_long_is_cancelled_and_its_connection_aborted(string where)
    {
        Server server = Start(where);
        await using LineTestConnection client = server.Connect();
        if (where != "connect")
        {
            await client.SendAsync("wait\n");
        }

        server.Time.Advance(TimeSpan.FromSeconds(8));
        Assert.False(_cancelled.Task.IsCompleted);
        server.Time.Advance(TimeSpan.FromSeconds(2) + Tick);
        await _cancelled.Task.InTime();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerTimeout, _reason);
        await Assert.ThrowsAsync<Microsoft.AspNetCore.Connections.ConnectionResetException>(client.ReadToEndAsync);
        Assert.Empty(server.Log.At(LogLevel.Error));
        server.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Contains("1 HandlerTimeout", Assert.Single(server.Log.At(LogLevel.Information)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pushes_do_not_prolong_the_time_of_a_handler()
    {
        Server server = Start("wait");
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("wait\n");
        CancellationToken aborted = _handler!.Connection.Aborted;
        int seconds = 0;
        for (; seconds < 15 && !aborted.IsCancellationRequested; seconds++)
        {
            Assert.True(_handler.Connection.TryPush("push"u8));
            Until.True(() => client.ReadAvailable().Length > 0); // not awaited: that would go on within the loop's flush
            server.Time.Advance(Tick);
        }

        Assert.InRange(seconds, 10, 13); // the loop may be between two waits when the clock ticks
        await _cancelled.Task.InTime();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerTimeout, _reason);
    }

    [Fact]
    public async Task Each_line_has_its_own_time_and_waiting_for_the_client_is_not_the_handlers()
    {
        Server server = Start("payload", options => options.Limits.LineTimeout = null);
        await using LineTestConnection client = server.Connect();
        for (int i = 0; i < 3; i++)
        {
            await client.SendAsync("payload\n");
            server.Time.Advance(TimeSpan.FromMinutes(1));
            await client.SendAsync("x");
            Assert.Equal("x", await client.ReadLineAsync().InTime());
            server.Time.Advance(TimeSpan.FromSeconds(9));
        }

        Assert.Equal(CloseReason.None, _handler!.Connection.CloseReason);
    }

    [Fact]
    public async Task A_handler_that_blocks_its_thread_too_long_sees_its_token_cancelled()
    {
        Server server = Start("block");
        await using LineTestConnection client = server.Connect();
        Task sending = Task.Run(() => client.SendAsync("block\n"));
        await _go.Task.InTime(); // it is blocked now
        server.Time.Advance(TimeSpan.FromSeconds(10) + Tick + Tick);
        await sending.InTime();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerTimeout, _reason);
    }

    [Fact]
    public async Task A_handler_that_ignores_its_cancellation_is_still_joined()
    {
        Server server = Start("deaf");
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("deaf\n");
        server.Time.Advance(TimeSpan.FromSeconds(20));
        Assert.True(_handler!.Connection.Aborted.IsCancellationRequested);
        Assert.False(client.Closed.IsCompleted);
        _go.SetResult();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerTimeout, _reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("half a line")]
    public async Task A_client_without_a_first_line_is_closed_in_order(string sent)
    {
        Server server = Server.With(
            Shape.Batch.Handler((line, reply) => reply.WriteLine(line.Span), (why, output) => output.WriteLine($"bye {why}")),
            options => options.Limits.FirstLineTimeout = TimeSpan.FromSeconds(5));
        await using LineTestConnection client = server.Connect();
        server.Time.Advance(TimeSpan.FromSeconds(3));
        await client.SendAsync(sent);
        server.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("", client.ReadAvailable());
        server.Time.Advance(Tick + Tick);
        Assert.Equal("bye FirstLineTimeout\n", await client.ReadToEndAsync().InTime());
    }

    [Fact]
    public async Task After_the_first_line_a_client_may_be_quiet()
    {
        Server server = Server.With((in line, reply) => reply.WriteLine(line), options => options.Limits.FirstLineTimeout = TimeSpan.FromSeconds(5));
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("first\n");
        server.Time.Advance(TimeSpan.FromHours(1));
        await client.SendAsync("second\n");
        Assert.Equal("first\nsecond\n", client.ReadAvailable());
    }

    [Fact]
    public void Both_are_off_by_default_and_must_be_longer_than_zero()
    {
        var limits = new LineLimits();
        Assert.Null(limits.HandlerTimeout);
        Assert.Null(limits.FirstLineTimeout);
        limits.HandlerTimeout = limits.FirstLineTimeout = TimeSpan.Zero;
        string errors = string.Join('\n', limits.Validate());
        Assert.Contains("HandlerTimeout must be longer than zero", errors, StringComparison.Ordinal);
        Assert.Contains("FirstLineTimeout must be longer than zero", errors, StringComparison.Ordinal);
    }

    private Handler? _handler;

    private Server Start(string where, Action<LineOptions>? options = null) => Server.With(
        () => _handler = new Handler(this, where),
        all =>
        {
            all.Limits.HandlerTimeout = TimeSpan.FromSeconds(10);
            options?.Invoke(all);
        });

    private sealed class Handler(HandlerTimeoutTests test, string where) : LineHandler
    {
        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken) =>
            where == "connect" ? WaitAsync(cancellationToken) : default;

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            switch (where)
            {
                case "payload":
                    ReadOnlySequence<byte> payload = await Connection.ReadPayloadAsync(1);
                    reply.WriteLine(payload.FirstSpan);
                    break;
                case "block":
                    test._go.SetResult();
                    cancellationToken.WaitHandle.WaitOne(TimeSpan.FromSeconds(10));
                    break;
                case "deaf":
                    await test._go.Task.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
                    break;
                default:
                    await WaitAsync(cancellationToken);
                    break;
            }
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            test._reason = reason;
            return default;
        }

        private async ValueTask WaitAsync(CancellationToken cancellationToken)
        {
            try
            {
                await test._go.Task.WaitAsync(TimeSpan.FromSeconds(10), cancellationToken);
            }
            catch (OperationCanceledException)
            {
                test._cancelled.TrySetResult();
                throw;
            }
        }
    }
}
