using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using LineServer.Hosting.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests;

/// <summary>
/// Accepting, failing and stopping at the same time, on transports that break their contract.
/// </summary>
public class EndpointRaceTests
{
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(3);
    private static readonly CancellationToken Cancelled = new(canceled: true);

    private static void Echo(EndpointBuilder endpoint) =>
        endpoint.UseLines((in line, reply) => reply.WriteLine(line), options => options.Limits.DrainTimeout = DrainTimeout);

    private static Action<EndpointBuilder> EchoOn(IConnectionListenerFactory transport) => endpoint =>
    {
        endpoint.Transport = transport;
        Echo(endpoint);
    };

    [Fact]
    public async Task What_EndpointFailed_throws_does_not_end_the_process()
    {
        var told = new TaskCompletionSource<ConnectionEndpoint>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var logger = new ListLogger();
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(logger);
        var options = new ConnectionServerOptions
        {
            EndpointFailed = endpoint =>
            {
                told.TrySetResult(endpoint);
                throw new InvalidOperationException("on purpose");
            },
        };
        await using ServiceProvider provider = services.BuildServiceProvider();
        await using var server = new ConnectionServer(Options.Create(options), provider);
        var listener = new ScriptedListener();
        ConnectionEndpoint failed = await server.AddAsync(listener.EndPoint, EchoOn(listener));
        listener.End();
        Assert.Same(failed, await told.Task.InTime());
        Until.True(() => logger.Messages.Any(static message => message.Text.Contains("EndpointFailed", StringComparison.Ordinal)));
        Assert.Equal(EndpointState.Failed, failed.State);
    }

    [Fact]
    public async Task An_endpoint_that_is_bound_while_the_server_stops_does_not_listen()
    {
        await using var server = new TestServer();
        var transport = new UnreliableListener { HoldsBind = true };
        Task<ConnectionEndpoint> added = server.ListenAsync(EchoOn(transport));
        Assert.Equal(0, await server.Server.StopAsync().InTime());
        transport.Bound.SetResult();
        await Assert.ThrowsAsync<InvalidOperationException>(() => added.InTime());
        Assert.Empty(server.Server.Endpoints);
        Assert.Equal(1, transport.DisposeCount);
    }

    [Fact]
    public async Task A_server_that_was_stopped_takes_no_endpoint_and_can_be_stopped_and_disposed_again()
    {
        await using var server = new TestServer();
        ConnectionEndpoint endpoint = await server.ListenAsync(Echo);
        int[] aborted = await Task.WhenAll(server.Server.StopAsync(), server.Server.RemoveAsync(endpoint)).InTime();
        Assert.All(aborted, static count => Assert.Equal(0, count));
        Assert.Equal(0, await server.Server.StopAsync().InTime());
        await server.Server.DisposeAsync().AsTask().InTime();
        await server.Server.DisposeAsync().AsTask().InTime();
        await Assert.ThrowsAsync<InvalidOperationException>(() => server.ListenAsync(Echo).InTime());
    }

    [Fact]
    public async Task Who_disposes_of_a_server_does_not_wait_for_a_drain_without_end()
    {
        await using var server = new TestServer();
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(
            _ => new WaitingHandler(waits), options => options.Limits.DrainTimeout = null));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("wait\n");
        await waits.Task.InTime();
        Task<int> drains = server.Server.RemoveAsync(endpoint);
        await server.DisposeAsync().AsTask().InTime();
        Assert.Equal(1, await drains.InTime());
    }

    [Fact]
    public async Task A_listener_that_never_stops_accepting_delays_a_stop_by_no_more_than_DrainTimeout()
    {
        var time = new ManualTimeProvider();
        await using var server = new TestServer(time: time);
        var transport = new UnreliableListener();
        ConnectionEndpoint endpoint = await server.ListenAsync(EchoOn(transport));
        Task<int> stopped = endpoint.StopAsync();
        AdvanceUntilEnded(time, stopped);
        Assert.Equal(0, await stopped.InTime());
        Assert.Equal(EndpointState.Stopped, endpoint.State);
        Assert.Equal(1, transport.DisposeCount);
    }

    [Fact]
    public async Task A_connection_that_is_accepted_after_the_endpoint_has_stopped_is_closed_and_keeps_no_place()
    {
        await using var server = new TestServer();
        var transport = new UnreliableListener();
        ConnectionEndpoint endpoint = await server.ListenAsync(EchoOn(transport));
        Assert.Equal(0, await endpoint.StopAsync(Cancelled).InTime());
        var late = new LateConnection();
        transport.Accepted.SetResult(late);
        await late.Disposed.InTime();
        Assert.True(late.ConnectionClosed.IsCancellationRequested);
        Assert.Equal(0, endpoint.ConnectionCount);
        Until.True(() => server.Server.ConnectionCount == 0);
    }

    [Fact]
    public async Task A_listener_that_throws_at_its_end_is_no_reason_to_keep_connections_or_the_endpoint()
    {
        await using var server = new TestServer();
        var transport = new UnreliableListener { ThrowsAtEnd = true };
        ConnectionEndpoint endpoint = await server.ListenAsync(EchoOn(transport));
        transport.Accepted.SetResult(null);
        await server.Failed.InTime();
        Assert.Equal(0, await server.Server.StopAsync().InTime());
        Assert.Equal(EndpointState.Stopped, endpoint.State);
        Assert.Empty(server.Server.Endpoints);
    }

    [Fact]
    public async Task An_endpoint_whose_middleware_cannot_be_built_leaves_no_listener()
    {
        await using var server = new TestServer();
        var transport = new UnreliableListener();
        await Assert.ThrowsAsync<InvalidOperationException>(() => server.ListenAsync(builder =>
        {
            EchoOn(transport)(builder);
            builder.Use(_ => throw new InvalidOperationException("on purpose"));
        }));
        Assert.Equal(1, transport.DisposeCount);
        Assert.Empty(server.Server.Endpoints);
    }

    [Fact]
    public async Task An_endpoint_that_fails_while_it_stops_has_stopped()
    {
        for (int i = 0; i < 200; i++)
        {
            await using var server = new TestServer();
            var listener = new ScriptedListener();
            ConnectionEndpoint endpoint = await server.ListenAsync(EchoOn(listener));
            using var both = new Barrier(2);
            Task fails = Task.Run(() =>
            {
                both.SignalAndWait();
                listener.End();
            });
            both.SignalAndWait();
            Assert.Equal(0, await endpoint.StopAsync().InTime());
            await fails.InTime();
            Assert.Equal(EndpointState.Stopped, endpoint.State);
        }
    }

    // The waits, in order: the drain, the grace period of the abort, and the end of the listener.
    private static void AdvanceUntilEnded(ManualTimeProvider time, Task task) => Until.True(() =>
    {
        time.Advance(DrainTimeout);
        return task.IsCompleted;
    });

    private sealed class WaitingHandler(TaskCompletionSource waits) : LineHandler
    {
        public override async ValueTask OnLineAsync(Framing.LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            waits.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }

    /// <summary>
    /// A listener whose accept ignores unbinding and disposal, as on an event loop blocked by a handler.
    /// </summary>
    private sealed class UnreliableListener : IConnectionListenerFactory, IConnectionListener
    {
        private int _disposeCount;
        private int _acceptCount;

        public bool HoldsBind { get; init; }

        public bool ThrowsAtEnd { get; init; }

        public TaskCompletionSource Bound { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<ConnectionContext?> Accepted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int DisposeCount => Volatile.Read(ref _disposeCount);

        public EndPoint EndPoint { get; } = new IPEndPoint(IPAddress.Loopback, 1);

        public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
        {
            if (HoldsBind)
            {
                await Bound.Task;
            }

            return this;
        }

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
            Interlocked.Increment(ref _acceptCount) == 1 ? await Accepted.Task : null;

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => AtEnd();

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref _disposeCount);
            return AtEnd();
        }

        private ValueTask AtEnd() => ThrowsAtEnd ? throw new IOException("on purpose") : default;
    }

    private sealed class LateConnection : DefaultConnectionContext
    {
        private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly CancellationTokenSource _closed = new();

        public LateConnection()
        {
            var pipe = new Pipe();
            Transport = new DuplexPipe(pipe.Reader, pipe.Writer);
            ConnectionClosed = _closed.Token;
        }

        public Task Disposed => _disposed.Task;

        public override void Abort(ConnectionAbortedException abortReason) => _closed.Cancel();

        public override ValueTask DisposeAsync()
        {
            _disposed.TrySetResult();
            return base.DisposeAsync();
        }

        private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
    }
}
