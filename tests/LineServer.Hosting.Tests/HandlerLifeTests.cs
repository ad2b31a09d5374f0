using System.Collections.Concurrent;
using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>
/// The life of a handler: created with its services, called without overlap, awaited, told of the end,
/// disposed.
/// </summary>
public class HandlerLifeTests
{
    private const string WholeLife = "connected, line, disconnected, handler disposed, scope disposed";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_abort_while_a_handler_waits_for_a_payload_cancels_the_wait_and_joins_the_handler(bool byReset)
    {
        var handler = new WaitingForPayload();
        Server server = Server.With(() => handler);
        await using LineTestConnection client = server.Connect();
        await client.SendAsync("line\n");
        if (byReset)
        {
            client.Reset();
        }
        else
        {
            handler.Connection.Abort();
        }

        await handler.Cancelled.Task.InTime();
        Assert.True(handler.Connection.Aborted.IsCancellationRequested);
        Assert.False(handler.Disconnected.Task.IsCompleted);
        Assert.False(client.Closed.IsCompleted);
        handler.MayEnd.SetResult();
        Assert.False(await handler.Disconnected.Task.InTime(), "OnDisconnectedAsync ran beside OnLineAsync");
        await client.Closed.InTime();
        Assert.Equal(byReset ? CloseReason.PeerReset : CloseReason.Aborted, handler.Connection.CloseReason);
        Assert.Empty(server.Log.At(LogLevel.Error));
    }

    [Fact]
    public async Task Each_connection_has_a_scope_that_is_disposed_after_its_handler()
    {
        var life = new Life();
        await using ServiceProvider services = new ServiceCollection()
            .AddSingleton(life)
            .AddScoped<Unit>()
            .BuildServiceProvider(new ServiceProviderOptions { ValidateScopes = true });
        ConnectionDelegate endpoint = LineTestConnection.Build(lines => lines.UseLines<Scoped>(), services);
        LineTestConnection first = LineTestConnection.Connect(endpoint);
        LineTestConnection second = LineTestConnection.Connect(endpoint);
        await first.SendAsync("x\n");
        await second.SendAsync("x\n");
        Assert.Equal("1\n2\n", first.ReadAvailable() + second.ReadAvailable());
        await first.DisposeAsync();
        Assert.Equal(WholeLife, life.Of(1));
        Assert.Equal("connected, line", life.Of(2));
        await second.DisposeAsync();
        Assert.Equal(WholeLife, life.Of(2));
    }

    [Fact]
    public async Task A_handler_made_by_a_function_gets_the_scope_of_its_connection_and_is_disposed()
    {
        var life = new Life();
        await using ServiceProvider services = new ServiceCollection()
            .AddSingleton(life)
            .AddKeyedScoped<Unit>("key")
            .BuildServiceProvider(new ServiceProviderOptions { ValidateScopes = true });
        LineTestConnection client = LineTestConnection.Connect(
            lines => lines.UseLines(made => new Scoped(made.GetRequiredKeyedService<Unit>("key"), made.GetRequiredService<Life>())), services);
        await client.SendAsync("x\n");
        await client.DisposeAsync();
        Assert.Equal(WholeLife, life.Of(1));
    }

    [Fact]
    public async Task A_handler_without_dependencies_costs_no_scope()
    {
        var services = new CountingScopes();
        foreach (Action<Microsoft.AspNetCore.Connections.IConnectionBuilder> lines in new Action<IConnectionBuilder>[]
        {
            builder => builder.UseLines((in line, reply) => reply.WriteLine(line)),
            builder => builder.UseLines<Plain>(),
            builder => builder.UseLines(_ => new Plain()),
        })
        {
            await using LineTestConnection client = LineTestConnection.Connect(lines, services);
            await client.SendAsync("x\n");
            Assert.Equal("x\n", client.ReadAvailable());
        }

        Assert.Equal(0, services.Scopes);
    }

    [Fact]
    public async Task A_handler_that_cannot_be_made_ends_its_connection_and_frees_its_place()
    {
        bool fails = true;
        Server server = Server.With(
            () => fails ? throw new InvalidOperationException("as asked") : new Plain(), options => options.Limits.MaxConcurrentConnections = 1);
        await using (LineTestConnection client = server.Connect())
        {
            Assert.Equal("", await client.ReadToEndAsync().InTime());
        }

        Assert.Single(server.Log.At(LogLevel.Error));
        fails = false;
        await using LineTestConnection next = server.Connect();
        await next.SendAsync("x\n");
        Assert.Equal("x\n", next.ReadAvailable());
    }

    private sealed class WaitingForPayload : LineHandler
    {
        private bool _running;

        public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource MayEnd { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<bool> Disconnected { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            _running = true;
            try
            {
                await Connection.ReadPayloadAsync(100);
            }
            catch (OperationCanceledException)
            {
                Cancelled.SetResult();
                await MayEnd.Task;
            }

            _running = false;
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            Disconnected.SetResult(_running);
            return default;
        }
    }

    private sealed class Plain : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(line.Span);
            return default;
        }
    }

    private sealed class Life
    {
        private readonly ConcurrentQueue<(int Unit, string Step)> _steps = new();
        private int _units;

        public int Begin() => Interlocked.Increment(ref _units);

        public void Note(int unit, string step) => _steps.Enqueue((unit, step));

        public string Of(int unit) => string.Join(", ", _steps.Where(step => step.Unit == unit).Select(step => step.Step));
    }

    private sealed class Unit(Life life) : IDisposable
    {
        public int Id { get; } = life.Begin();

        public void Dispose() => life.Note(Id, "scope disposed");
    }

    private sealed class Scoped(Unit unit, Life life) : LineHandler, IAsyncDisposable, IDisposable
    {
        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            life.Note(unit.Id, "connected");
            return default;
        }

        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            life.Note(unit.Id, "line");
            reply.WriteLine($"{unit.Id}");
            return default;
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            life.Note(unit.Id, "disconnected");
            return default;
        }

        public async ValueTask DisposeAsync()
        {
            await Task.Yield();
            life.Note(unit.Id, "handler disposed");
        }

        public void Dispose() => throw new InvalidOperationException("DisposeAsync comes first");
    }

    private sealed class CountingScopes : IServiceProvider, IServiceScopeFactory
    {
        public int Scopes { get; private set; }

        public object? GetService(Type serviceType) => serviceType == typeof(IServiceScopeFactory) ? this : null;

        public IServiceScope CreateScope()
        {
            Scopes++;
            throw new InvalidOperationException("no scope is needed");
        }
    }
}
