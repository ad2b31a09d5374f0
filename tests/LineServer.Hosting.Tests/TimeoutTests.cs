using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>
/// The test controls the clock: a timeout is never early, and late by no more than the table's ticks.
/// </summary>
public class TimeoutTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private CloseReason _reason;

    [Fact]
    public async Task A_line_that_does_not_end_in_time_closes_although_a_byte_comes_every_second()
    {
        Server server = Echo(options => options.Limits.IdleTimeout = TimeSpan.FromSeconds(20));
        await using LineTestConnection client = server.Connect();
        for (int i = 0; i < 30; i++)
        {
            await client.SendAsync("x");
            server.Time.Advance(Second);
            Assert.Equal(CloseReason.None, _reason);
        }

        server.Time.Advance(Second);
        await AssertClosedAsync(client, "", CloseReason.LineTimeout);
    }

    [Fact]
    public async Task Each_line_has_its_own_time()
    {
        Server server = Echo();
        await using LineTestConnection client = server.Connect();
        for (int i = 0; i < 10; i++)
        {
            await client.SendAsync("a");
            server.Time.Advance(TimeSpan.FromSeconds(20));
            await client.SendAsync("b\nc");
            server.Time.Advance(TimeSpan.FromSeconds(20));
            await client.SendAsync("d\n");
            Assert.Equal("ab\ncd\n", client.ReadAvailable());
        }
    }

    [Theory]
    [InlineData(OversizeLineBehavior.Discard)]
    [InlineData(OversizeLineBehavior.Truncate)]
    public async Task The_rest_of_an_oversize_line_is_timed_with_it_and_the_next_line_anew(OversizeLineBehavior oversize)
    {
        Server server = Echo(options =>
        {
            options.Limits.MaxLineSize = 4;
            options.OversizeLineBehavior = oversize;
        });
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("xxx");
        server.Time.Advance(TimeSpan.FromSeconds(25));
        await client.SendAsync("xxx\nyy"); // the line has ended: yy has 30 s
        server.Time.Advance(TimeSpan.FromSeconds(25));
        await client.SendAsync("yyyy"); // too long now, and not ended: it still has what is left of them
        Assert.Equal(CloseReason.None, _reason);
        server.Time.Advance(TimeSpan.FromSeconds(6));
        await AssertClosedAsync(client, oversize == OversizeLineBehavior.Truncate ? "xxxx\nyyyy\n" : "", CloseReason.LineTimeout);
    }

    [Fact]
    public async Task Time_in_which_a_handler_works_or_a_push_is_not_read_is_not_the_lines()
    {
        var go = new TaskCompletionSource();
        LineConnection? connection = null;
        Server server = Server.With(() => new Slow(go.Task, made => connection = made, why => _reason = why), options => options.Limits.SendTimeout = null);
        await using LineTestConnection client = server.Connect(maxWriteBufferSize: 10);
        await client.SendAsync("wait\nhal");
        server.Time.Advance(TimeSpan.FromSeconds(60));
        go.SetResult();
        Assert.Equal("done", await client.ReadLineAsync().InTime());
        server.Time.Advance(TimeSpan.FromSeconds(20));
        Assert.True(connection!.TryPush("more than fits there"u8)); // the flush waits
        server.Time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal("more than fits there", await client.ReadLineAsync().InTime());
        server.Time.Advance(TimeSpan.FromSeconds(9));
        await client.SendAsync("f\n");
        Assert.Equal("half", await client.ReadLineAsync().InTime());
        Assert.Equal(CloseReason.None, _reason);
    }

    [Fact]
    public async Task A_client_from_which_nothing_comes_is_idle_and_any_byte_or_push_counts()
    {
        LineConnection? connection = null;
        Server server = Server.With(
            () => new Slow(Task.CompletedTask, made => connection = made, why => _reason = why),
            options => options.Limits.IdleTimeout = TimeSpan.FromSeconds(5));
        await using LineTestConnection client = server.Connect();
        server.Time.Advance(TimeSpan.FromSeconds(4));
        await client.SendAsync("a");
        server.Time.Advance(TimeSpan.FromSeconds(4));
        connection!.TryPush("push"u8);
        server.Time.Advance(TimeSpan.FromSeconds(4));
        await client.SendAsync("\n");
        server.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(CloseReason.None, _reason);
        server.Time.Advance(TimeSpan.FromSeconds(2));
        await AssertClosedAsync(client, "push\na\n", CloseReason.IdleTimeout);
    }

    [Fact]
    public async Task A_connection_is_not_idle_while_a_line_is_handled()
    {
        var go = new TaskCompletionSource();
        Server server = Server.With(() => new Slow(go.Task, _ => { }, why => _reason = why), options => options.Limits.IdleTimeout = TimeSpan.FromSeconds(5));
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("wait\n");
        server.Time.Advance(TimeSpan.FromSeconds(100));
        go.SetResult();
        Assert.Equal("done", await client.ReadLineAsync().InTime());
        Assert.Equal(CloseReason.None, _reason);
    }

    [Fact]
    public async Task A_pause_of_the_whole_process_times_nobody_out_early()
    {
        Server server = Echo();
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a");
        server.Time.Jump(TimeSpan.FromHours(1));
        await client.SendAsync("b\n");
        Assert.Equal("ab\n", client.ReadAvailable());
    }

    [Fact]
    public async Task Without_connections_no_timer_runs()
    {
        Server server = Echo();
        LineTestConnection client = server.Connect();
        Assert.Equal(1, server.Time.ActiveTimers);
        await client.DisposeAsync();
        Assert.Equal(0, server.Time.ActiveTimers);
    }

    [Fact]
    public async Task A_client_that_never_sends_its_FIN_is_waited_for_as_long_as_the_linger_timeout()
    {
        Server server = Server.With(Shape.Batch.Handler((_, _) => throw new InvalidOperationException(), onDisconnected: why => _reason = why));
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\n");
        Assert.Equal("", await client.ReadToEndAsync().InTime()); // FIN
        await client.SendAsync(new string('x', 100_000)); // discarded
        server.Time.Advance(TimeSpan.FromMilliseconds(1999));
        Assert.False(client.Closed.IsCompleted);
        server.Time.Advance(TimeSpan.FromMilliseconds(1));
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerError, _reason);
    }

    [Fact]
    public async Task Where_FIN_cannot_go_first_the_connection_closes_when_nothing_has_come_for_a_moment()
    {
        Server server = Server.With(
            Shape.Batch.Handler((_, _) => throw new InvalidOperationException(), (_, output) => output.WriteLine("bye"), why => _reason = why),
            cannotHalfClose: true);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\n");
        Assert.Equal("bye", await client.ReadLineAsync().InTime());
        Task<string?> end = client.ReadLineAsync();
        for (int i = 0; i < 10; i++)
        {
            await client.SendAsync("more\n");
            server.Time.Advance(TimeSpan.FromMilliseconds(90));
            Assert.False(end.IsCompleted);
        }

        server.Time.Advance(TimeSpan.FromMilliseconds(20));
        Assert.Null(await end.InTime());
        client.HalfClose();
        await client.Closed.InTime();
    }

    private Server Echo(Action<LineOptions>? options = null) =>
        Server.With(Shape.Batch.Handler((line, reply) => reply.WriteLine(line.Span), onDisconnected: why => _reason = why), options);

    private async Task AssertClosedAsync(LineTestConnection client, string text, CloseReason reason)
    {
        Assert.Equal(text, await client.ReadToEndAsync().InTime());
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal(reason, _reason);
    }

    private sealed class Slow(Task go, Action<LineConnection> connected, Action<CloseReason> disconnected) : LineHandler
    {
        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            connected(Connection);
            return default;
        }

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (line.Span.SequenceEqual("wait"u8))
            {
                await go;
                reply.WriteLine("done");
                return;
            }

            reply.WriteLine(line.Span);
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            disconnected(reason);
            return default;
        }
    }
}
