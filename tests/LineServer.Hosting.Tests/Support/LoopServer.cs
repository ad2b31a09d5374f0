using LineServer.Transports.Epoll;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests.Support;

/// <summary>A <see cref="TestServer"/> over the epoll transport, with one event loop.</summary>
internal sealed class LoopServer : IAsyncDisposable
{
    private readonly EpollTransportFactory _transport = new(
        Options.Create(new EpollTransportOptions { LoopCount = 1, MaxWriteBufferSize = 0 }), NullLoggerFactory.Instance);

    private readonly TestServer _server = new();

    /// <summary>True on a thread of the transport.</summary>
    public static bool IsOnLoop => Thread.CurrentThread.Name?.StartsWith("epoll-", StringComparison.Ordinal) == true;

    public Task<ConnectionEndpoint> ListenAsync(Func<LineHandlerBase> handler, Action<EndpointBuilder>? configure = null) => _server.ListenAsync(endpoint =>
    {
        endpoint.Transport = _transport;
        configure?.Invoke(endpoint);
        endpoint.UseLines(_ => handler());
    });

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _transport.DisposeAsync();
    }
}
