using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests;

/// <summary>Options and injected services; logs and counters.</summary>
public class LimitTests
{
    [Fact]
    public async Task A_log_of_oversize_lines_is_escaped_and_bounded()
    {
        using var metrics = new Metrics("oversize metrics");
        Server server = Server.With((in line, reply) => reply.WriteLine(line), options =>
        {
            options.Name = "oversize metrics";
            options.Limits.MaxLineSize = 4;
            options.OversizeLineBehavior = OversizeLineBehavior.Discard;
        });
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("\x1b[2J\"\r\\\n\nok\n");
        await client.SendAsync("12345\n123456\n12345\n");
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await client.SendAsync(new string('x', 1000) + "\n");
        Assert.Equal("\nok\n", client.ReadAvailable());
        string[] log = [.. server.Log.At(LogLevel.Warning)];
        Assert.Equal(2, log.Length);
        Assert.Contains("begins \"\\x1B[2J\\x22\\x0D\\x5C\"", log[0], StringComparison.Ordinal);
        Assert.Contains("1 more since", log[1], StringComparison.Ordinal);
        Assert.Contains("\"" + new string('x', 32) + "\"", log[1], StringComparison.Ordinal);
        Assert.Equal(5, metrics["lineserver.lines.oversize"]);
        Assert.Equal(2, metrics["lineserver.lines"]);
    }

    [Fact]
    public async Task Half_a_line_at_the_end_of_the_stream_is_counted_and_so_are_connections()
    {
        using var metrics = new Metrics("end metrics");
        Server server = Server.With((in line, reply) => reply.WriteLine(line), options => options.Name = "end metrics");
        LineTestConnection client = server.Connect();
        Assert.Equal(1, metrics["lineserver.connections.active"]);
        await client.SendAsync("a\nhalf");
        await client.DisposeAsync();
        Assert.Equal(1, metrics["lineserver.lines.incomplete"]);
        Assert.Equal(1, metrics["lineserver.connections.closed PeerClosed"]);
        Assert.Equal(0, metrics["lineserver.connections.active"]);
    }

    [Theory]
    [MemberData(nameof(Shapes.All), MemberType = typeof(Shapes))]
    public async Task Lines_read_before_a_reset_are_handled(Shape shape)
    {
        CloseReason reason = CloseReason.None;
        int handled = 0;
        Server server = Server.With(shape.Handler((_, reply) => reply.WriteLine(Interlocked.Increment(ref handled).ToString()), (_, _) => Assert.Fail("nothing can be sent"), why => reason = why), shape.Options());
        LineTestConnection client = server.Connect();
        await client.SendAsync("a\nb\nhalf");
        Until.True(() => Volatile.Read(ref handled) == 2);
        client.Reset();
        await client.Closed.InTime();
        Assert.Equal((2, CloseReason.PeerReset), (handled, reason));
    }

    [Fact]
    public async Task A_handler_gets_services_and_each_connection_its_own()
    {
        using ServiceProvider services = new ServiceCollection().AddSingleton(new Greeting("hello")).BuildServiceProvider();
        Microsoft.AspNetCore.Connections.ConnectionDelegate endpoint = LineTestConnection.Build(lines => lines.UseLines<Counting>(), services);
        await using var first = LineTestConnection.Connect(endpoint);
        await using var second = LineTestConnection.Connect(endpoint);
        await first.SendAsync("a\nb\n");
        await second.SendAsync("a\n");
        Assert.Equal("hello 1\nhello 2\n", first.ReadAvailable());
        Assert.Equal("hello 1\n", second.ReadAvailable());
    }

    [Fact]
    public async Task What_is_set_for_all_endpoints_holds_unless_one_sets_its_own()
    {
        using ServiceProvider services = new ServiceCollection().Configure<LineOptions>(options =>
        {
            options.Delimiter = (byte)';';
            options.Limits.MaxLineSize = 2;
            options.OversizeLineBehavior = OversizeLineBehavior.Discard;
        }).BuildServiceProvider();
        await using var own = LineTestConnection.Connect(lines => lines.UseLines((in line, reply) => reply.WriteLine(line), options => options.Limits.MaxLineSize = 3), services);
        await using var general = LineTestConnection.Connect(lines => lines.UseLines((in line, reply) => reply.WriteLine(line)), services);
        await own.SendAsync("abc;d;");
        await general.SendAsync("abc;d;");
        Assert.Equal("abc;d;", own.ReadAvailable());
        Assert.Equal("d;", general.ReadAvailable());
    }

    [Fact]
    public void Limits_that_cannot_be_fail_at_the_start_and_all_at_once()
    {
        OptionsValidationException error = Assert.Throws<OptionsValidationException>(() => LineTestConnection.Build(lines => lines.UseLines((in _, _) => { }, options =>
        {
            options.Limits.MaxLineSize = 0;
            options.Limits.MaxReadBufferSize = 1;
            options.Limits.MaxWriteBufferSize = 0;
            options.Limits.MailboxSize = 0;
            options.Limits.MaxConcurrentConnections = 0;
            options.Limits.MaxConcurrentConnectionsPerPeer = -1;
            options.Limits.IdleTimeout = TimeSpan.Zero;
            options.Limits.LineTimeout = TimeSpan.FromDays(41);
            options.Limits.SendTimeout = TimeSpan.Zero;
            options.Limits.DrainTimeout = TimeSpan.Zero;
            options.Limits.LingerTimeout = TimeSpan.FromSeconds(-1);
            options.Limits.LingerQuietTime = TimeSpan.FromSeconds(-1);
        })));
        Assert.Equal(12, error.Failures.Count());
    }

    private sealed record Greeting(string Text);

    private sealed class Counting(Greeting greeting) : LineHandler
    {
        private int _lines;

        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine($"{greeting.Text} {++_lines}");
            return default;
        }
    }
}
