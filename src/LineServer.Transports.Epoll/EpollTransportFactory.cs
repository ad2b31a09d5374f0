using System.Buffers;
using System.Net;
using System.Net.Sockets;
using LineServer.Transports.Epoll.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Transports.Epoll;

/// <summary>
/// Listens and connects with Linux's epoll, for Kestrel and every other host that takes an
/// <see cref="IConnectionListenerFactory"/>; see <see cref="EpollTransportExtensions"/>. The event loops
/// start with the first listener or connection. Disposing the factory ends them and aborts their remaining
/// connections.
/// </summary>
public sealed class EpollTransportFactory : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionFactory, IAsyncDisposable
{
    private readonly EpollTransport<LinuxSystemCalls> _transport;

    /// <exception cref="PlatformNotSupportedException">The platform is not Linux.</exception>
    /// <exception cref="OptionsValidationException">An option is out of range.</exception>
    public EpollTransportFactory(IOptions<EpollTransportOptions> options, ILoggerFactory loggerFactory)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        _transport = new EpollTransport<LinuxSystemCalls>(options.Value, loggerFactory, TimeProvider.System);
    }

    /// <summary>
    /// True for IP endpoints, Unix domain sockets and inherited descriptors
    /// (<see cref="FileHandleEndPoint"/>).
    /// </summary>
    public bool CanBind(EndPoint endpoint) => _transport.CanBind(endpoint);

    /// <inheritdoc/>
    /// <exception cref="AddressInUseException">The address is in use.</exception>
    /// <exception cref="SocketException">The address cannot be bound.</exception>
    /// <exception cref="IOException">
    /// The event loops cannot start for lack of descriptors or memory. The next call tries again.
    /// </exception>
    /// <exception cref="NotSupportedException">This kind of endpoint is not supported.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        _transport.BindAsync(endpoint, cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="SocketException">
    /// The connection could not be made: refused, unreachable, timed out, or
    /// <see cref="SocketError.OperationAborted"/> if the factory was disposed meanwhile.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The factory was disposed before the call.</exception>
    /// <exception cref="IOException">
    /// The event loops cannot start for lack of descriptors or memory. The next call tries again.
    /// </exception>
    /// <exception cref="NotSupportedException">This kind of endpoint is not supported.</exception>
    public ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        _transport.ConnectAsync(endpoint, cancellationToken);

    /// <summary>
    /// Creates a factory on the same event loops with other options for its listeners and connections. The
    /// options of the loops themselves (<see cref="EpollTransportOptions.LoopCount"/>,
    /// <see cref="EpollTransportOptions.ReadBudget"/>, <see cref="EpollTransportOptions.HeldLoopThreshold"/>)
    /// do not change. It ends with this factory.
    /// </summary>
    /// <param name="configure">Changes a copy of this factory's options.</param>
    /// <exception cref="OptionsValidationException">An option is out of range.</exception>
    public IConnectionListenerFactory WithOptions(Action<EpollTransportOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        EpollTransportOptions options = _transport.Options.Clone();
        configure(options);
        return new EpollTransport<LinuxSystemCalls>(_transport, options);
    }

    /// <summary>Ends the event loops, with their remaining listeners and connections.</summary>
    public ValueTask DisposeAsync() => _transport.DisposeAsync();
}
