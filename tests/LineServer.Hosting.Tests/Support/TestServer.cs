using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests.Support;

/// <summary>A <see cref="ConnectionServer"/> in this process.</summary>
internal sealed class TestServer(
    ConnectionLimits? limits = null, TimeProvider? time = null, long? maxTotalBufferSize = null, ILoggerFactory? log = null)
    : IAsyncDisposable
{
    private readonly TaskCompletionSource<ConnectionEndpoint> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ConnectionServer? _server;

    /// <summary>The endpoint that stopped accepting.</summary>
    public Task<ConnectionEndpoint> Failed => _failed.Task;

    /// <summary>Where handlers record why their connections ended.</summary>
    public ConcurrentBag<CloseReason> CloseReasons { get; } = [];

    public ConnectionServer Server => _server ??= Create();

    public Task<ConnectionEndpoint> ListenAsync(Action<EndpointBuilder> configure) =>
        Server.AddAsync(new IPEndPoint(IPAddress.Loopback, 0), configure);

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    private ConnectionServer Create()
    {
        var services = new ServiceCollection();
        services.AddSingleton(time ?? TimeProvider.System);
        services.AddSingleton(log ?? NullLoggerFactory.Instance);
        var options = new ConnectionServerOptions { EndpointFailed = endpoint => _failed.TrySetResult(endpoint) };
        options.Limits = limits ?? options.Limits;
        options.MaxTotalBufferSize = maxTotalBufferSize ?? options.MaxTotalBufferSize;
        return new ConnectionServer(Options.Create(options), services.BuildServiceProvider());
    }
}

internal static class EndpointClients
{
    public static async Task<Socket> ConnectAsync(this ConnectionEndpoint endpoint)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(endpoint.EndPoint).InTime();
        return socket;
    }

    /// <summary>A client that the endpoint has admitted: it has received a reply.</summary>
    public static async Task<Socket> ConnectAndEchoAsync(this ConnectionEndpoint endpoint)
    {
        Socket socket = await endpoint.ConnectAsync();
        await socket.SendTextAsync("in\n");
        Assert.Equal("in\n", await socket.ReceiveTextAsync(3));
        return socket;
    }

    /// <summary>True if the endpoint closes the connection at once, without a reply.</summary>
    public static async Task<bool> IsRefusedAsync(this ConnectionEndpoint endpoint)
    {
        using Socket socket = await endpoint.ConnectAsync();
        return await socket.ReceiveToEndAsync() == "";
    }
}
