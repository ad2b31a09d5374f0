using System.Net;
using System.Net.Sockets;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests;

/// <summary>A log provider that throws at every call changes nothing for connections.</summary>
public sealed class ThrowingLogTests : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly ThrowingProvider _provider = new();
    private readonly ConnectionServer _server;

    public ThrowingLogTests()
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(_provider));
        _services = services.BuildServiceProvider();
        _server = new ConnectionServer(
            Options.Create(new ConnectionServerOptions { Limits = new ConnectionLimits { MaxConcurrentConnections = 2 }, EndpointFailed = _ => Failed.TrySetResult() }),
            _services);
    }

    private TaskCompletionSource Failed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task Connections_are_served_refused_closed_and_drained()
    {
        ConnectionEndpoint endpoint = await ListenAsync((in line, reply) =>
        {
            if (line.Length == 4)
            {
                throw new InvalidOperationException("as asked");
            }

            reply.WriteLine(line);
        });
        using Socket served = await endpoint.ConnectAndEchoAsync();
        using (Socket failing = await endpoint.ConnectAndEchoAsync())
        {
            Assert.True(await endpoint.IsRefusedAsync());
            // Its handler throws, and the connection is closed in order.
            await failing.SendTextAsync("fail\n");
            Assert.Equal("", await failing.ReceiveToEndAsync());
        }

        Until.True(() => _server.ConnectionCount == 1);
        using (Socket oversize = await endpoint.ConnectAndEchoAsync())
        {
            await oversize.SendTextAsync("a line that is too long\n");
            Assert.Equal("", await oversize.ReceiveToEndAsync());
        }

        Until.True(() => _server.ConnectionCount == 1);
        using (Socket reset = await endpoint.ConnectAndEchoAsync())
        {
            reset.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        Until.True(() => _server.ConnectionCount == 1);
        await served.SendTextAsync("on\n");
        Assert.Equal("on\n", await served.ReceiveTextAsync(3));
        Task<int> stopped = _server.StopAsync();
        Assert.Equal("", await served.ReceiveToEndAsync());
        Assert.Equal(0, await stopped.InTime());
        Assert.NotEqual(0, _provider.Calls);
    }

    [Fact]
    public async Task A_lost_listening_socket_is_still_noticed()
    {
        Socket listening = null!;
        using var transport = new SocketListenerFactory(
            new SocketListenerOptions
            {
                CreateBoundListenSocket = endPoint =>
                {
                    listening = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                    listening.Bind(endPoint);
                    return listening;
                },
            },
            _services.GetRequiredService<ILoggerFactory>());
        await _server.AddAsync(new IPEndPoint(IPAddress.Loopback, 0), builder =>
        {
            builder.Transport = transport;
            builder.UseLines((in line, reply) => reply.WriteLine(line));
        });
        listening.Shutdown(SocketShutdown.Both);
        await Failed.Task.InTime();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _services.DisposeAsync();
    }

    private Task<ConnectionEndpoint> ListenAsync(LineDelegate onLine) =>
        _server.AddAsync(new IPEndPoint(IPAddress.Loopback, 0), builder => builder.UseLines(onLine, options =>
        {
            options.Limits.MaxLineSize = 10;
            options.Limits.LingerTimeout = TimeSpan.FromMilliseconds(100);
        }));

    private sealed class ThrowingProvider : ILoggerProvider, ILogger
    {
        private int _calls;

        public int Calls => Volatile.Read(ref _calls);

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => throw new InvalidOperationException("a log that throws");

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Interlocked.Increment(ref _calls);
            throw new InvalidOperationException("a log that throws");
        }

        public void Dispose()
        {
        }
    }
}
