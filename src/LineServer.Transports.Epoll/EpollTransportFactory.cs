using System.Buffers;
using System.Net;
using System.Net.Sockets;
using LineServer.Transports.Epoll.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Transports.Epoll;

/// <summary>
/// Listens and connects by Linux's epoll, for Kestrel and every other host that takes an <see cref="IConnectionListenerFactory"/>; see
/// <see cref="EpollTransportExtensions"/>. Event loops start with the first listener or connection; disposing the factory ends them and
/// aborts what is left on them.
/// </summary>
public sealed class EpollTransportFactory : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionFactory, IAsyncDisposable
{
    private readonly EpollTransport<LinuxSystemCalls> _transport;

    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    /// <exception cref="OptionsValidationException">An option is out of its range.</exception>
    public EpollTransportFactory(IOptions<EpollTransportOptions> options, ILoggerFactory loggerFactory)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        _transport = new EpollTransport<LinuxSystemCalls>(options.Value, loggerFactory, TimeProvider.System);
    }

    /// <summary>True for IP endpoints, Unix domain sockets and inherited descriptors (<see cref="FileHandleEndPoint"/>).</summary>
    public bool CanBind(EndPoint endpoint) => _transport.CanBind(endpoint);

    /// <inheritdoc/>
    /// <exception cref="AddressInUseException">Somebody listens there.</exception>
    /// <exception cref="SocketException">It cannot be bound.</exception>
    /// <exception cref="IOException">The event loops cannot start: no descriptor is left, or no memory. The next call tries again.</exception>
    /// <exception cref="NotSupportedException">The endpoint is of another kind.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        _transport.BindAsync(endpoint, cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="SocketException">There is no connection: refused, unreachable, timed out; <see cref="SocketError.OperationAborted"/>: the factory was
    /// disposed meanwhile.</exception>
    /// <exception cref="ObjectDisposedException">The factory was disposed before.</exception>
    /// <exception cref="IOException">The event loops cannot start: no descriptor is left, or no memory. The next call tries again.</exception>
    /// <exception cref="NotSupportedException">The endpoint is of another kind.</exception>
    public ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        _transport.ConnectAsync(endpoint, cancellationToken);

    /// <summary>
    /// A factory on the same event loops whose listeners and connections have options of their own. What belongs to the loops
    /// (<see cref="EpollTransportOptions.LoopCount"/>, <see cref="EpollTransportOptions.ReadBudget"/>,
    /// <see cref="EpollTransportOptions.HeldLoopThreshold"/>) stays as it is. It ends with this factory.
    /// </summary>
    /// <param name="configure">Changes a copy of this factory's options.</param>
    /// <exception cref="OptionsValidationException">An option is out of its range.</exception>
    public IConnectionListenerFactory WithOptions(Action<EpollTransportOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        EpollTransportOptions options = _transport.Options.Clone();
        configure(options);
        return new EpollTransport<LinuxSystemCalls>(_transport, options);
    }

    /// <summary>Ends the event loops; listeners and connections that are left end with them.</summary>
    public ValueTask DisposeAsync() => _transport.DisposeAsync();
}
