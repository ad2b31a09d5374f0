using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>No client can fill the log, and no count is lost.</summary>
public class EndpointLogTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Handlers_that_throw_cost_one_trace_a_second_and_a_count()
    {
        Server server = Server.With((in _, _) => throw new InvalidOperationException("as asked"));
        for (int i = 0; i < 20; i++)
        {
            await FailAsync(server);
        }

        Assert.Single(server.Log.At(LogLevel.Error));
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await FailAsync(server);
        Assert.Equal(2, server.Log.At(LogLevel.Error).Count());
        Assert.Contains("19 more", server.Log.At(LogLevel.Error).Last(), StringComparison.Ordinal);
        server.Time.Advance(Interval);
        Assert.Contains("21 HandlerError", Assert.Single(server.Log.At(LogLevel.Information)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Suppressed_messages_are_told_though_no_other_event_comes()
    {
        Server server = Server.With((in _, _) => { }, options =>
        {
            options.Limits.MaxLineSize = 4;
            options.OversizeLineBehavior = Framing.OversizeLineBehavior.Discard;
        });
        await using LineTestConnection client = server.Connect();
        for (int i = 0; i < 5; i++)
        {
            await client.SendAsync("too long\n");
        }

        Assert.Single(server.Log.At(LogLevel.Warning));
        server.Time.Advance(Interval);
        Assert.Contains("4 more lines were too long", Assert.Single(server.Log.At(LogLevel.Information)), StringComparison.Ordinal);
        server.Time.Advance(Interval);
        server.Time.Advance(Interval);
        Assert.Single(server.Log.At(LogLevel.Information)); // nothing new to report
    }

    [Fact]
    public async Task A_summary_says_how_many_connections_ended_by_which_reason()
    {
        Server server = Server.With((in _, _) => { }, options =>
        {
            options.Name = "summed";
            options.Limits.IdleTimeout = TimeSpan.FromSeconds(60);
            options.Limits.MaxConcurrentConnections = 2;
        });
        await using LineTestConnection idle = server.Connect();
        await using LineTestConnection slow = server.Connect();
        await slow.SendAsync("half a line");
        for (int i = 0; i < 3; i++)
        {
            await server.Connect().DisposeAsync();
        }

        server.Time.Advance(Interval);
        string[] told = [.. server.Log.At(LogLevel.Information)];
        Assert.Contains("3 TooManyConnections", Assert.Single(told), StringComparison.Ordinal);
        Assert.StartsWith("summed", told[0], StringComparison.Ordinal);
        idle.HalfClose();
        slow.HalfClose();
        await slow.Closed.InTime();
        server.Time.Advance(TimeSpan.FromSeconds(9));
        LineTestConnection late = server.Connect();
        await late.SendAsync("half a line");
        server.Time.Advance(TimeSpan.FromSeconds(31)); // LineTimeout expires
        late.HalfClose();
        await late.Closed.InTime();
        server.Time.Advance(TimeSpan.FromSeconds(1));
        server.Time.Advance(Interval);
        string all = string.Join('\n', server.Log.At(LogLevel.Information).Skip(1));
        Assert.Contains("1 unterminated line", all, StringComparison.Ordinal);
        Assert.Contains("1 LineTimeout", all, StringComparison.Ordinal);
        Assert.DoesNotContain("PeerClosed", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_rest_is_told_when_the_application_stops()
    {
        using var lifetime = new Lifetime();
        Server server = Server.With((in _, _) => { });
        server.Services.AddSingleton<IHostApplicationLifetime>(lifetime);
        LineTestConnection client = server.Connect();
        await client.SendAsync("half a line");
        await client.DisposeAsync();
        Assert.Empty(server.Log.At(LogLevel.Information));
        lifetime.StopApplication();
        Assert.Contains("1 unterminated line", Assert.Single(server.Log.At(LogLevel.Information)), StringComparison.Ordinal);
        Assert.Equal(0, server.Time.ActiveTimers);
    }

    private static async Task FailAsync(Server server)
    {
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("x\n");
        Assert.Equal("", await client.ReadToEndAsync().InTime());
    }

    private sealed class Lifetime : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _stopped = new();

        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => _stopped.Token;

        public void StopApplication() => _stopped.Cancel();

        public void Dispose() => _stopped.Dispose();
    }
}
