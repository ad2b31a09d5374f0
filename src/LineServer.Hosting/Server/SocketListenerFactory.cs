using System.Net;
using System.Net.Sockets;
using LineServer.Hosting.Internal;
using LineServer.Linux;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting;

/// <summary>
/// Kestrel's socket connections under an accept loop of our own. When descriptors run out or the listening
/// socket is shut down, Kestrel's accept loop would spin. This one backs off, or reports that it has ended.
/// </summary>
public sealed class SocketListenerFactory(SocketListenerOptions options, ILoggerFactory loggerFactory)
    : IConnectionListenerFactory, IDisposable
{
    private readonly SocketConnectionContextFactory _connections =
        new(options.Connections, Guarded(loggerFactory, "Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));

    private readonly ILogger _logger = Guarded(loggerFactory, "LineServer.Hosting.Sockets");
    private readonly DescriptorLimit? _descriptors = OperatingSystem.IsLinux() ? new DescriptorLimit(options.ReservedDescriptors) : null;

    /// <inheritdoc/>
    /// <exception cref="AddressInUseException">The address is already in use.</exception>
    /// <exception cref="SocketException">The socket cannot be bound.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        Socket? socket = null;
        try
        {
            socket = options.CreateBoundListenSocket(endpoint);
            if (socket.ProtocolType == ProtocolType.Tcp)
            {
                // Accepted connections inherit it from the listening socket, which saves a system call for
                // each.
                socket.NoDelay = options.NoDelay;
            }

            socket.Listen(options.Backlog);
            return new ValueTask<IConnectionListener>(new SocketListener(socket, _connections, _descriptors, _logger));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket?.Dispose();
            throw new AddressInUseException(e.Message, e);
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connections.Dispose();

    // A log that throws would end Kestrel's receive loop, and the reader would wait for ever.
    private static GuardedLogger Guarded(ILoggerFactory loggers, string category) => new(loggers.CreateLogger(category));
}
