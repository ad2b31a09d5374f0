using System.Net;
using LineServer.Hosting.Internal;
using LineServer.Linux;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting;

/// <summary>
/// Serves endpoints over ASP.NET Core's connection abstractions, without an HTTP server. Each endpoint has
/// its own transport, middleware, handler and limits, and can be added and removed while others serve. An
/// application gets a server from <see cref="LineServerServiceCollectionExtensions.AddLineServer"/>.
/// </summary>
public sealed class ConnectionServer : IAsyncDisposable
{
    private readonly ConnectionServerOptions _options;
    private readonly IServiceProvider _services;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggerFactory;
    private readonly ILogger _logger;
    private readonly Admission _admission;
    private readonly BufferBudget _budget;
    private readonly Lock _gate = new();
    private readonly List<ConnectionEndpoint> _endpoints = [];
    private bool _isStopped;
    private SocketListenerFactory? _sockets;

    /// <exception cref="OptionsValidationException">A limit is out of its range.</exception>
    public ConnectionServer(IOptions<ConnectionServerOptions> options, IServiceProvider services)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(services);
        _options = options.Value;
        _services = services;
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        _loggerFactory = services.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance;
        _logger = new GuardedLogger(_loggerFactory.CreateLogger("LineServer.Hosting"));
        string[] errors = [.. _options.Limits.Validate()];
        if (_options.MaxTotalBufferSize < ConnectionServerOptions.SmallestTotalBufferSize)
        {
            string problem = $"{nameof(ConnectionServerOptions.MaxTotalBufferSize)} must be at least "
                + $"{ConnectionServerOptions.SmallestTotalBufferSize}, not {_options.MaxTotalBufferSize}.";
            errors = [.. errors, problem];
        }

        if (errors.Length > 0)
        {
            throw new OptionsValidationException(nameof(ConnectionServerOptions), typeof(ConnectionServerOptions), errors);
        }

        ConnectionLimits limits = _options.Limits.Clone();
        limits.MaxConcurrentConnections ??= DescriptorLimit.ConnectionsAtHand(_options.ReservedDescriptors);
        MaxConcurrentConnections = limits.MaxConcurrentConnections;
        _admission = new Admission(limits, _time);
        _budget = new BufferBudget(_options.MaxTotalBufferSize);
    }

    /// <summary>
    /// The most connections over all endpoints: the limit in <see cref="ConnectionServerOptions.Limits"/>, or
    /// else the number of file descriptors free when the server was created (RLIMIT_NOFILE), less a reserve
    /// for the rest of the process. Null if no limit is known.
    /// </summary>
    public int? MaxConcurrentConnections { get; }

    /// <summary>The number of admitted connections of all endpoints that have not ended.</summary>
    public int ConnectionCount => _admission.Count;

    /// <summary>
    /// The bytes that all connections hold while they wait; see
    /// <see cref="ConnectionServerOptions.MaxTotalBufferSize"/>.
    /// </summary>
    public long TotalBufferSize => _budget.Held;

    /// <summary>The endpoints that were added and not removed.</summary>
    public IReadOnlyList<ConnectionEndpoint> Endpoints
    {
        get
        {
            lock (_gate)
            {
                return [.. _endpoints];
            }
        }
    }

    /// <summary>Starts the endpoints of the options: all of them, or none.</summary>
    /// <exception cref="AddressInUseException">The address is already in use.</exception>
    /// <exception cref="IOException">An endpoint cannot listen.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            foreach ((EndPoint endPoint, Action<EndpointBuilder> configure) in _options.Endpoints)
            {
                await AddAsync(endPoint, configure, cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            await RemoveAllAsync(new CancellationToken(canceled: true)).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Adds an endpoint, which is listening when this returns.</summary>
    /// <exception cref="AddressInUseException">The address is already in use.</exception>
    /// <exception cref="InvalidOperationException">
    /// The server has been stopped, perhaps while the endpoint was being bound.
    /// </exception>
    public async Task<ConnectionEndpoint> AddAsync(
        EndPoint endPoint, Action<EndpointBuilder> configure, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        ArgumentNullException.ThrowIfNull(configure);
        ThrowIfStopped();
        var builder = new EndpointBuilder(endPoint, _services, _admission, _budget);
        IConnectionListener? listener = null;
        try
        {
            configure(builder);
            IConnectionListenerFactory transport = builder.Transport ?? DefaultTransport(endPoint);
            listener = await transport.BindAsync(endPoint, cancellationToken).ConfigureAwait(false);
            var endpoint = new ConnectionEndpoint(builder, listener, _time, _logger, OnFailed);
            lock (_gate)
            {
                // In one step, so that StopAsync never finds an endpoint that has not started.
                ThrowIfStopped();
                _endpoints.Add(endpoint);
                endpoint.Start();
            }

            return endpoint;
        }
        catch
        {
            // The budget already has the endpoint's table, and the socket may be listening.
            builder.Lines?.Endpoint.Stop();
            if (listener is not null)
            {
                await listener.DisposeAsync().ConfigureAwait(false);
            }

            throw;
        }
    }

    /// <summary>
    /// Drains an endpoint and removes it; the others keep serving. See
    /// <see cref="ConnectionEndpoint.StopAsync"/>.
    /// </summary>
    /// <returns>The number of aborted connections.</returns>
    public async Task<int> RemoveAsync(ConnectionEndpoint endpoint, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        int aborted = await endpoint.StopAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            _endpoints.Remove(endpoint);
        }

        return aborted;
    }

    /// <summary>
    /// Drains all endpoints at once; see <see cref="ConnectionEndpoint.StopAsync"/>. After this, no endpoint
    /// can be added.
    /// </summary>
    /// <returns>The number of aborted connections.</returns>
    public Task<int> StopAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            _isStopped = true;
        }

        return RemoveAllAsync(cancellationToken);
    }

    /// <summary>Stops the server and aborts the remaining connections.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(new CancellationToken(canceled: true)).ConfigureAwait(false);

    private async Task<int> RemoveAllAsync(CancellationToken cancellationToken)
    {
        IEnumerable<Task<int>> removals = Endpoints.Select(endpoint => RemoveAsync(endpoint, cancellationToken));
        int[] aborted = await Task.WhenAll(removals).ConfigureAwait(false);
        return aborted.Sum();
    }

    private void ThrowIfStopped()
    {
        lock (_gate)
        {
            if (_isStopped)
            {
                throw new InvalidOperationException("The server has been stopped; no endpoint can be added.");
            }
        }
    }

    private IConnectionListenerFactory DefaultTransport(EndPoint endPoint)
    {
        IConnectionListenerFactory? registered = _services.GetServices<IConnectionListenerFactory>()
            .LastOrDefault(factory => factory is not IConnectionListenerFactorySelector selector || selector.CanBind(endPoint));
        return registered ?? LazyInitializer.EnsureInitialized(
            ref _sockets, () => new SocketListenerFactory(new SocketListenerOptions(), _loggerFactory));
    }

    private void OnFailed(ConnectionEndpoint endpoint)
    {
        if (_options.EndpointFailed is { } endpointFailed)
        {
            endpointFailed(endpoint);
        }
        else
        {
            _services.GetService<IHostApplicationLifetime>()?.StopApplication();
        }
    }
}
