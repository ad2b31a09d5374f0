using System.Net;
using System.Net.Sockets;
using LineServer.Configuration;
using LineServer.Handlers;
using LineServer.Hosting;
using LineServer.Storage;
using LineServer.Systemd;
using LineServer.Transports.Epoll;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Daemon;

/// <summary>The server, with a line handler on every endpoint of the configuration.</summary>
internal sealed class LineService : IHostedService, IAsyncDisposable
{
    // How far Kestrel's pipe reads ahead while a handler or a client is waited for. A line may be longer: a Pipe counts
    // only bytes that nobody has examined.
    private const int SocketsReadAhead = 16 * 1024;

    // A flush waits while Kestrel's pipe holds more than this. The budget over all connections counts what a
    // waiting flush has staged and cannot see into the pipe: with 32 KiB, connections held ten times as much as was
    // counted.
    private const int SocketsWriteAhead = 4 * 1024;

    private readonly ServerSettings _settings;
    private readonly SystemdNotifier _notifier;
    private readonly ILogger<LineService> _logger;
    private readonly ILoggerFactory _loggerFactory;
    private readonly AbortSignal _abort;
    private readonly ExitStatus _exitStatus;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ConnectionServer _server;
    private readonly EpollTransportFactory? _epoll;
    private readonly List<SocketListenerFactory> _sockets = [];

    public LineService(
        ServerSettings settings,
        IServiceProvider services,
        SystemdNotifier notifier,
        AbortSignal abort,
        ExitStatus exitStatus,
        IHostApplicationLifetime lifetime,
        ILoggerFactory loggerFactory)
    {
        _settings = settings;
        _notifier = notifier;
        _abort = abort;
        _exitStatus = exitStatus;
        _lifetime = lifetime;
        _loggerFactory = loggerFactory;
        _logger = loggerFactory.CreateLogger<LineService>();
        _epoll = settings.Transport == ServerSettings.EpollTransport ? CreateEpoll() : null;
        _server = new ConnectionServer(
            Options.Create(new ConnectionServerOptions
            {
                Limits = settings.Limits,
                MaxTotalBufferSize = settings.Limits.MaxTotalBufferSize,
                ReservedDescriptors = settings.Stores.Count(store => !store.IsInPostgreSql) * new StoreOptions().MaxDescriptors,
                EndpointFailed = OnEndpointFailed,
            }),
            services);
    }

    /// <summary>The limit of connections over all endpoints: as set, or derived from the available descriptors.</summary>
    public int? MaxConcurrentConnections => _server.MaxConcurrentConnections;

    /// <exception cref="StartException">An endpoint cannot listen.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var listening = new List<(EndpointSettings Settings, ConnectionEndpoint Endpoint)>();
        foreach (EndpointSettings settings in _settings.Endpoints)
        {
            foreach (EndPoint endPoint in ListenSocket.Resolve(settings))
            {
                listening.Add((settings, await AddAsync(settings, endPoint, cancellationToken)));
            }
        }

        // All or none. If one fails, its error is the only line.
        foreach ((EndpointSettings settings, ConnectionEndpoint endpoint) in listening)
        {
            string address = endpoint.EndPoint is IPEndPoint ip ? $"tcp://{ip}" : settings.Address.ToString();
            DaemonLog.Accepts(_logger, endpoint.Name, address, settings.Handler);
        }

        _notifier.Ready(_server.Endpoints.Count);
    }

    /// <summary>Drains: stops accepting, then lets connections finish what was received.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _notifier.Stopping();
        DaemonLog.Draining(_logger);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _abort.Token);
        await _server.StopAsync(stop.Token);
        DaemonLog.Stopped(_logger);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _sockets.ForEach(static transport => transport.Dispose());
        if (_epoll is not null)
        {
            await _epoll.DisposeAsync();
        }
    }

    private async Task<ConnectionEndpoint> AddAsync(EndpointSettings settings, EndPoint endPoint, CancellationToken cancellationToken)
    {
        try
        {
            return await _server.AddAsync(endPoint, builder => Configure(builder, settings), cancellationToken);
        }
        catch (Exception e) when (e is AddressInUseException or SocketException)
        {
            throw new StartException($"endpoint '{settings.Name}' cannot listen on {settings.Address}: {e.Message}");
        }
    }

    private void Configure(EndpointBuilder builder, EndpointSettings settings)
    {
        BuiltInHandler handler = BuiltInHandler.Find(settings.Handler)!;
        builder.Name = settings.Name;
        builder.Transport = _epoll?.WithOptions(options =>
        {
            options.Backlog = LimitsOfTransport(settings).Backlog;
            options.MaxReadBufferSize = settings.Limits.MaxReadBufferSize;
            options.CreateBoundListenSocket = endPoint => Bind(settings, endPoint);
        }) ?? CreateSockets(settings);
        ThrowIfTokensAreReadable(settings, builder.EndPoint);
        Func<LineHandlerBase> create = handler.Prepare(builder.ApplicationServices, settings);
        builder.UseLines(_ => create(), options =>
        {
            options.Limits = settings.Limits.Clone();
            options.FramingMode = settings.Framing.Mode;
            options.Delimiter = settings.Framing.Delimiter.Value;
            options.OversizeLineBehavior = settings.OversizeLineBehavior;
            options.IncompleteLineBehavior = settings.Framing.IncompleteLineBehavior;
        });
    }

    // A socket of systemd is known only now.
    private static void ThrowIfTokensAreReadable(EndpointSettings settings, EndPoint endPoint)
    {
        if (settings.Tokens.Count > 0 && endPoint is IPEndPoint ip && !IPAddress.IsLoopback(ip.Address))
        {
            throw new StartException($"endpoint '{settings.Name}': {endPoint} is TCP without TLS: everyone on the way could read the tokens");
        }
    }

    private EpollTransportFactory CreateEpoll() => new(
        Options.Create(new EpollTransportOptions
        {
            MaxWriteBufferSize = 0,
            LoopCount = _settings.Epoll.LoopCount,
            ReadBudget = _settings.Epoll.ReadBudget,
            HeldLoopThreshold = _settings.Epoll.HeldLoopThreshold,
        }),
        _loggerFactory);

    private SocketListenerFactory CreateSockets(EndpointSettings settings)
    {
        var options = new SocketListenerOptions
        {
            Backlog = LimitsOfTransport(settings).Backlog,
            CreateBoundListenSocket = endPoint => Bind(settings, endPoint),
        };
        options.Connections.MaxReadBufferSize = Math.Min(settings.Limits.MaxReadBufferSize, SocketsReadAhead);
        options.Connections.MaxWriteBufferSize = SocketsWriteAhead;
        options.Connections.UnsafePreferInlineScheduling = _settings.Sockets.UnsafePreferInlineScheduling;
        var transport = new SocketListenerFactory(options, _loggerFactory);
        _sockets.Add(transport);
        return transport;
    }

    private static ServerLimits LimitsOfTransport(EndpointSettings settings) => (ServerLimits)settings.Limits;

    private static Socket Bind(EndpointSettings settings, EndPoint endPoint)
    {
        Socket socket = ListenSocket.Bind(settings, endPoint);
        ServerLimits limits = LimitsOfTransport(settings);
        if (socket.ProtocolType == ProtocolType.Tcp && limits.KeepAliveTime is { } time)
        {
            // Accepted connections inherit this from the listening socket: tcp(7).
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, (int)time.TotalSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, (int)limits.KeepAliveInterval.TotalSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, limits.KeepAliveRetryCount);
        }

        return socket;
    }

    private void OnEndpointFailed(ConnectionEndpoint endpoint)
    {
        // A supervisor restarts the whole server. Half a server would look healthy for hours.
        _exitStatus.Fail();
        _lifetime.StopApplication();
    }
}
