using System.Net;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>Draining, connection limits, and the last line that a client gets.</summary>
public class DrainTests
{
    [Theory]
    [MemberData(nameof(Shapes.All), MemberType = typeof(Shapes))]
    public async Task A_drain_answers_what_was_received_then_FIN(Shape shape)
    {
        CloseReason reason = CloseReason.None;
        Server server = Server.With(shape.Handler((line, reply) => reply.WriteLine(line.Span), (why, output) => output.WriteLine("bye " + why), why => reason = why), shape.Options());
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\nb\nhalf");
        client.Drain();
        Assert.Equal("a\nb\nbye Drain\n", await client.ReadToEndAsync().InTime());
        client.HalfClose();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.Drain, reason);
    }

    [Fact]
    public async Task A_drain_takes_one_more_read_that_is_there_and_no_third()
    {
        var go = new TaskCompletionSource();
        Server server = Server.With(
            () => new Waiting(go.Task), null, reader => new CountingReader(reader, mostBytes: 3)); // one "wN\n" per read
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("w1\nw2\nw3\n");
        client.Drain();
        go.SetResult();
        Assert.Equal("w1\nw2\n", await client.ReadToEndAsync().InTime());
    }

    [Fact]
    public async Task What_has_not_ended_by_the_drain_timeout_is_aborted_and_counted_and_others_are_not()
    {
        using var metrics = new Metrics("drain metrics");
        Server server = Server.With(() => new Waiting(new TaskCompletionSource().Task), options => options.Name = "drain metrics");
        LineTestConnection stuck = server.Connect();
        LineTestConnection deaf = server.Connect(maxWriteBufferSize: 1);
        await using LineTestConnection other = server.Connect();
        await stuck.SendAsync("w\n");
        await deaf.SendAsync("echo this, which it does not read\n");
        stuck.Drain();
        server.Time.Advance(TimeSpan.FromSeconds(5));
        deaf.Drain();
        server.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(stuck.Closed.IsCompleted);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await stuck.Closed.InTime();
        Assert.False(deaf.Closed.IsCompleted);
        server.Time.Advance(TimeSpan.FromSeconds(5));
        await deaf.Closed.InTime();
        Assert.Equal(2, metrics["lineserver.connections.closed DrainTimeout"]);
        Assert.Equal(1, metrics["lineserver.connections.active"]);
        Assert.Equal(2, server.Log.At(LogLevel.Warning).Count(text => text.Contains("1 connections had not ended", StringComparison.Ordinal)));
        await other.SendAsync("still here\n");
        Assert.Equal("still here", await other.ReadLineAsync().InTime());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_connection_too_many_is_told_so_and_closed_in_order(bool perPeer)
    {
        CloseReason expected = perPeer ? CloseReason.TooManyConnectionsPerPeer : CloseReason.TooManyConnections;
        var disconnected = new List<CloseReason>();
        Server server = Server.With(
            Shape.Batch.Handler((line, reply) => reply.WriteLine(line.Span), (why, output) => output.WriteLine("bye " + why), disconnected.Add),
            options =>
            {
                options.Limits.MaxConcurrentConnections = perPeer ? null : 2;
                options.Limits.MaxConcurrentConnectionsPerPeer = perPeer ? 2 : null;
            });
        server.Peer = IPAddress.Parse("192.0.2.1");
        LineTestConnection first = server.Connect();
        server.Peer = IPAddress.Parse("::ffff:192.0.2.1"); // the same peer
        await using LineTestConnection second = server.Connect();
        for (int i = 0; i < 3; i++)
        {
            LineTestConnection refused = server.Connect();
            await refused.SendAsync("a\n");
            Assert.Equal($"bye {expected}\n", await refused.ReadToEndAsync().InTime());
            refused.HalfClose();
            await refused.Closed.InTime();
        }

        Assert.Empty(disconnected); // no handler was connected
        Assert.Single(server.Log.At(LogLevel.Warning)); // one per second
        server.Peer = perPeer ? IPAddress.Parse("192.0.2.2") : server.Peer;
        if (!perPeer)
        {
            await first.DisposeAsync();
        }

        await using LineTestConnection third = server.Connect();
        await third.SendAsync("a\n");
        Assert.Equal("a", await third.ReadLineAsync().InTime());
        await first.DisposeAsync();
    }

    [Fact]
    public async Task The_first_cause_wins()
    {
        LineConnection? connection = null;
        Server server = Server.With(() => new Closing(made => connection = made));
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("a\n");
        Assert.Equal("bye HandlerClosed\n", await client.ReadToEndAsync().InTime());
        connection!.Abort();
        client.Drain();
        await client.Closed.InTime();
        Assert.Equal(CloseReason.HandlerClosed, connection.CloseReason);
    }

    private sealed class Closing(Action<LineConnection> connected) : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            if (!batch.TryRead(out _))
            {
                return default;
            }

            connected(Connection);
            Connection.Close();
            throw new InvalidOperationException("after the close");
        }

        public override void OnClosing(CloseReason reason, LineOutput output) => output.WriteLine("bye " + reason);
    }

    private sealed class Waiting(Task go) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (line.Span[0] == 'w')
            {
                await go.WaitAsync(cancellationToken);
            }

            reply.WriteLine(line.Span);
        }
    }
}
