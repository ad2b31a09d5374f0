using System.Net;
using System.Net.Sockets;
using LineServer.Configuration;
using LineServer.Handlers;
using LineServer.Hosting;
using LineServer.Systemd;
using LineServer.Transports.Epoll;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Daemon;

/// <summary>Kestrel with a line handler on every endpoint.</summary>
internal sealed class LineService : IHostedService, IAsyncDisposable
{
    private readonly ServerSettings _settings;
    private readonly IServiceProvider _services;
    private readonly SystemdNotifier _notifier;
    private readonly ILogger<LineService> _logger;
    private readonly AbortSignal _abort;
    private readonly Dictionary<EndPoint, EndpointSettings> _byEndPoint = [];
    private readonly List<(EndpointSettings Settings, ListenOptions Listen)> _listening = [];
    private readonly IConnectionListenerFactory _transport;
    private readonly KestrelServer _server;

    public LineService(
        ServerSettings settings, IServiceProvider services, SystemdNotifier notifier, AbortSignal abort, ILoggerFactory loggerFactory)
    {
        _settings = settings;
        _services = services;
        _notifier = notifier;
        _abort = abort;
        _logger = loggerFactory.CreateLogger<LineService>();
        var kestrel = new KestrelServerOptions { ApplicationServices = services };
        foreach (EndpointSettings endpoint in settings.Endpoints)
        {
            foreach (EndPoint endPoint in ListenSocket.Resolve(endpoint))
            {
                _byEndPoint[endPoint] = endpoint;
                kestrel.Listen(endPoint, listen => Configure(listen, endpoint));
            }
        }

        _transport = CreateTransport(loggerFactory);
        _server = new KestrelServer(Options.Create(kestrel), _transport, new WithoutScopes(loggerFactory));
    }

    /// <exception cref="ListenException">An endpoint cannot listen.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _server.StartAsync(new NoHttp(), cancellationToken);
        foreach ((EndpointSettings endpoint, ListenOptions listen) in _listening)
        {
            _logger.LogInformation("endpoint {Name} accepts on {Address} (handler {Handler})", endpoint.Name, RealAddress(endpoint, listen), endpoint.Handler);
        }

        _notifier.Ready(_listening.Count);
    }

    /// <summary>Drains: accepting stops, then connections finish what was received.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _notifier.Stopping();
        _logger.LogInformation("draining");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _abort.Token);
        await _server.StopAsync(stop.Token);
        _logger.LogInformation("stopped");
    }

    public async ValueTask DisposeAsync()
    {
        _server.Dispose();
        if (_transport is IAsyncDisposable transport)
        {
            await transport.DisposeAsync();
        }
    }

    private void Configure(ListenOptions listen, EndpointSettings endpoint)
    {
        _listening.Add((endpoint, listen));
        BuiltInHandler handler = BuiltInHandler.Find(endpoint.Handler)!;
        listen.UseLines(services => handler.Create(services, endpoint), options =>
        {
            options.Name = endpoint.Name;
            options.Limits = endpoint.Limits.Clone();
            options.Limits.MaxWriteBufferSize = StagedSize;
            options.Delimiter = endpoint.Framing.Delimiter.Value;
            options.OversizeLineBehavior = endpoint.OversizeLineBehavior;
            options.IncompleteLineBehavior = endpoint.Framing.IncompleteLineBehavior;
        });
    }

    private bool IsEpoll => _settings.Transport == ServerSettings.EpollTransport;

    // Kestrel's pipe holds as much again as is staged before it, so each gets half of what may be held for a client. On epoll a flush waits until
    // the kernel has all of it.
    private int StagedSize => IsEpoll ? _settings.Limits.MaxWriteBufferSize : Math.Max(_settings.Limits.MaxWriteBufferSize / 2, 1);

    private IConnectionListenerFactory CreateTransport(ILoggerFactory loggerFactory)
    {
        if (IsEpoll)
        {
            return new EpollTransportFactory(
                Options.Create(new EpollTransportOptions
                {
                    Backlog = _settings.Limits.Backlog,
                    MaxReadBufferSize = _settings.Limits.MaxReadBufferSize,
                    MaxWriteBufferSize = 0,
                    LoopCount = _settings.Epoll.LoopCount,
                    ReadBudget = _settings.Epoll.ReadBudget,
                    HeldLoopThreshold = _settings.Epoll.HeldLoopThreshold,
                    CreateBoundListenSocket = Bind,
                }),
                loggerFactory);
        }

        var sockets = new SocketTransportOptions
        {
            Backlog = _settings.Limits.Backlog,
            MaxReadBufferSize = _settings.Limits.MaxReadBufferSize,
            MaxWriteBufferSize = StagedSize,
            UnsafePreferInlineScheduling = _settings.Sockets.UnsafePreferInlineScheduling,
            CreateBoundListenSocket = Bind,
        };
        return new DescriptorReserve(new SocketTransportFactory(Options.Create(sockets), loggerFactory), _logger);
    }

    private Socket Bind(EndPoint endPoint) => ListenSocket.Bind(_byEndPoint[endPoint], endPoint);

    private static string RealAddress(EndpointSettings endpoint, ListenOptions listen) =>
        listen.EndPoint is IPEndPoint ip ? $"tcp://{ip}" : endpoint.Address.ToString();
}
