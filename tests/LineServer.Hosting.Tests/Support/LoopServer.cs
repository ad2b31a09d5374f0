using LineServer.Transports.Epoll;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting.Tests.Support;

/// <summary>A <see cref="TestServer"/> over the epoll transport, with one event loop.</summary>
internal sealed class LoopServer : IAsyncDisposable
{
    private readonly EpollTransportFactory _transport;
    private readonly TestServer _server;

    public LoopServer(
        TimeSpan? blockedThreshold = null, ILoggerFactory? log = null, TimeProvider? time = null, ILoggerFactory? hostingLog = null)
    {
        _transport = new EpollTransportFactory(
            Options.Create(new EpollTransportOptions { LoopCount = 1, MaxWriteBufferSize = 0, HeldLoopThreshold = blockedThreshold }),
            log ?? NullLoggerFactory.Instance);
        _server = new TestServer(time: time, log: hostingLog);
    }

    /// <summary>Where the caller runs: "loop" on the transport's thread, else "pool".</summary>
    public static string Here => Thread.CurrentThread.Name?.StartsWith("epoll-", StringComparison.Ordinal) == true ? "loop" : "pool";

    public Task<ConnectionEndpoint> ListenAsync(
        Func<LineHandlerBase> handler,
        HandlerScheduling scheduling = HandlerScheduling.Auto,
        Action<EndpointBuilder>? configure = null,
        Action<LineOptions>? options = null) => _server.ListenAsync(endpoint =>
    {
        endpoint.Transport = _transport;
        configure?.Invoke(endpoint);
        endpoint.UseLines(_ => handler(), lines =>
        {
            lines.Scheduling = scheduling;
            options?.Invoke(lines);
        });
    });

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _transport.DisposeAsync();
    }
}
