using System.IO.Pipelines;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Internal;
using LineServer.Hosting.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>
/// A refused connection never gets a loop. It costs a handler only if the protocol has a last line.
/// </summary>
public sealed class RefusalTests : IDisposable
{
    private readonly ListLogger _log = new();
    private int _made;
    private int _disposed;

    [Fact]
    public async Task A_protocol_says_its_last_line_and_the_handler_is_disposed()
    {
        var services = new ServiceCollection().AddSingleton(this).AddScoped<Unit>().BuildServiceProvider(validateScopes: true);
        await using (services)
        {
            Assert.Equal("sorry TooManyConnections\n", await RefuseAsync(HandlerSource.Of<Polite>(services)));
        }

        Assert.Equal((1, 2), (_made, _disposed)); // the handler and its scope
        Assert.Contains("TooManyConnections", Assert.Single(_log.At(LogLevel.Warning)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_handler_without_a_last_line_is_not_made()
    {
        Assert.Equal("", await RefuseAsync(HandlerSource.Of((in _, _) => { })));
        Assert.Equal("", await RefuseAsync(HandlerSource.Of<Silent>(new ServiceCollection().AddSingleton(this).BuildServiceProvider())));
        Assert.Equal(0, _made);
    }

    [Fact]
    public async Task A_handler_that_fails_ends_only_the_refused_connection()
    {
        Assert.Equal("", await RefuseAsync(HandlerSource.Of(_ => throw new InvalidOperationException("as asked"), new ServiceCollection().BuildServiceProvider())));
        Assert.Single(_log.At(LogLevel.Error));
    }

    [Fact]
    public async Task The_handler_sees_a_connection_that_has_ended()
    {
        LineConnection? connection = null;
        await RefuseAsync(HandlerSource.Of(_ => new Looking(made => connection = made), new ServiceCollection().BuildServiceProvider()));
        Assert.NotNull(connection);
        Assert.Equal("refused", connection.ConnectionId);
        Assert.Equal(CloseReason.TooManyConnections, connection.CloseReason);
        Assert.True(connection.Aborted.IsCancellationRequested);
        Assert.False(connection.TryPush("late"u8));
        connection.Close();
        connection.Abort();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await connection.FlushAsync());
    }

    public void Dispose() => _log.Dispose();

    private async Task<string> RefuseAsync(HandlerSource handlers)
    {
        var options = new LineOptions { Name = "refusing" };
        var log = new EndpointLog(options.Name, _log, new ManualTimeProvider());
        var endpoint = new LineEndpoint(options, handlers, new LineMetrics(null, options.Name), new ManualTimeProvider(), log);
        var toServer = new Pipe();
        var toClient = new Pipe();
        await using var connection = new DefaultConnectionContext("refused") { Transport = new Both(toServer.Reader, toClient.Writer) };
        await Refusal.RunAsync(connection, endpoint, CloseReason.TooManyConnections).InTime();
        ReadResult read = await toClient.Reader.ReadAtLeastAsync(int.MaxValue).AsTask().InTime();
        Assert.True(read.IsCompleted);
        return Encoding.UTF8.GetString(read.Buffer);
    }

    private sealed record Both(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class Unit(RefusalTests test) : IDisposable
    {
        public void Dispose() => test._disposed++;
    }

    private abstract class Base : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken) => default;
    }

    private sealed class Polite : Base, IDisposable
    {
        private readonly RefusalTests _test;

        public Polite(RefusalTests test, Unit unit)
        {
            ArgumentNullException.ThrowIfNull(unit);
            _test = test;
            _test._made++;
        }

        public override void OnClosing(CloseReason reason, LineOutput output) => output.WriteLine($"sorry {reason}");

        public void Dispose() => _test._disposed++;
    }

    private sealed class Silent : Base
    {
        public Silent(RefusalTests test) => test._made++;
    }

    private sealed class Looking(Action<LineConnection> look) : Base
    {
        public override void OnClosing(CloseReason reason, LineOutput output) => look(Connection);
    }
}
