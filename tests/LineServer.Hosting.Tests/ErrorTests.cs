using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>
/// A handler throws: its connection ends with that reason; no other connection is affected.
/// </summary>
public class ErrorTests
{
    [Theory]
    [MemberData(nameof(Shapes.All), MemberType = typeof(Shapes))]
    public async Task A_handler_that_throws_ends_its_connection_after_the_replies_before_it(Shape shape)
    {
        CloseReason reason = CloseReason.None;
        Server server = Server.With(shape.Handler(Throw, (_, output) => output.WriteLine("bye"), why => reason = why), shape.Options());
        await using LineTestConnection other = server.Connect();
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\nthrow\nb\n");
        Assert.Equal("a\nstaged\nbye\n", await client.ReadToEndAsync().InTime());
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerError, reason);
        Assert.Single(server.Log.At(LogLevel.Error));
        await other.SendAsync("x\n");
        Assert.Equal("x", await other.ReadLineAsync().InTime());
    }

    [Fact]
    public async Task An_error_of_the_handlers_own_connections_is_not_taken_for_one_of_the_client()
    {
        CloseReason reason = CloseReason.None;
        Server server = Server.With(Shape.Waiting.Handler(
            (_, _) => throw new Microsoft.AspNetCore.Connections.ConnectionResetException("the database, say"), onDisconnected: why => reason = why));
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\n");
        Assert.Equal("", await client.ReadToEndAsync().InTime());
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerError, reason);
        Assert.Single(server.Log.At(LogLevel.Error));
    }

    [Theory]
    [InlineData("connected")]
    [InlineData("connected later")]
    [InlineData("closing")]
    [InlineData("disconnected")]
    public async Task A_callback_that_throws_ends_its_connection_in_order(string where)
    {
        Throwing? handler = null;
        Server server = Server.With(() => handler = new Throwing(where));
        await using LineTestConnection client = server.Connect();
        bool isConnectError = where.StartsWith("connected", StringComparison.Ordinal);
        if (!isConnectError)
        {
            await client.SendAsync("a\nclose\n");
        }

        Assert.Equal(isConnectError ? "hello\n" : "hello\na\nclose\n", await client.ReadToEndAsync().InTime());
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal(isConnectError ? CloseReason.HandlerError : CloseReason.HandlerClosed, handler!.Reason);
        Assert.Equal(1, handler.Disconnects);
        Assert.Single(server.Log.At(LogLevel.Error));
        Assert.False(handler.Connection.TryPush("late"u8));
    }

    [Fact]
    public async Task A_cancellation_callback_that_throws_does_not_hit_who_aborts()
    {
        Throwing? handler = null;
        Server server = Server.With(() => handler = new Throwing(""));
        await using LineTestConnection client = server.Connect();
        using CancellationTokenRegistration registration = handler!.Connection.Aborted.Register(() => throw new InvalidOperationException("callback"));
        handler.Connection.Abort();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.Aborted, handler.Reason);
    }

    [Fact]
    public async Task A_reply_that_holds_a_delimiter_is_refused_and_nothing_of_it_is_sent()
    {
        Server server = Server.With((in line, reply) =>
        {
            Assert.Throws<ArgumentException>(() => reply.WriteLine("one\ntwo"));
            Assert.Throws<ArgumentException>(() => reply.WriteLine("one\ntwo"u8));
            reply.WriteLine("ok");
        });
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\n");
        Assert.Equal("ok\n", client.ReadAvailable());
    }

    [Fact]
    public async Task The_aborted_token_is_cancelled_once_the_connection_has_ended_also_in_order()
    {
        Throwing? handler = null;
        Server server = Server.With(() => handler = new Throwing(""));
        LineTestConnection client = server.Connect();
        await client.DisposeAsync();
        Assert.True(handler!.Connection.Aborted.IsCancellationRequested);
        Assert.Equal(CloseReason.PeerClosed, handler.Connection.CloseReason);
    }

    private static void Throw(AnyLine line, LineOutput reply)
    {
        if (line.ToString() == "throw")
        {
            reply.WriteLine("staged");
            throw new InvalidOperationException("as asked");
        }

        reply.WriteLine(line.Span);
    }

    private sealed class Throwing(string where) : LineHandler
    {
        public CloseReason Reason { get; private set; }

        public int Disconnects { get; private set; }

        public override async ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            output.WriteLine("hello");
            if (where == "connected later")
            {
                await Task.Yield();
            }

            ThrowAt("connected");
            ThrowAt("connected later");
        }

        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(line.Span);
            if (line.Length > 1)
            {
                Connection.Close();
            }

            return default;
        }

        public override void OnClosing(CloseReason reason, LineOutput output) => ThrowAt("closing");

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            Reason = reason;
            Disconnects++;
            ThrowAt("disconnected");
            return default;
        }

        private void ThrowAt(string here)
        {
            if (here == where)
            {
                throw new InvalidOperationException(where);
            }
        }
    }
}
