using System.Net;
using System.Net.Sockets;
using LineServer.Linux;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>Accepts connections from a .NET socket.</summary>
internal sealed partial class SocketListener(
    Socket socket, SocketConnectionContextFactory connections, DescriptorLimit? descriptors, ILogger logger) : IConnectionListener
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _unbound = new();
    private TimeSpan _backOff = FirstBackOff;
    private long _mayLogAt;
    private bool _isShort; // the last accepted connection took a reserved descriptor

    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    /// <returns>Null after <see cref="UnbindAsync"/> was called.</returns>
    /// <exception cref="SocketException">
    /// The socket no longer listens: a process that shares it has shut it down.
    /// </exception>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (!_unbound.IsCancellationRequested)
        {
            if (_isShort && descriptors!.IsReached())
            {
                await BackOffAsync("few file descriptors are left (RLIMIT_NOFILE)", cancellationToken)
                    .ConfigureAwait(false);
                continue;
            }

            try
            {
                Socket accepted = await socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
                _backOff = FirstBackOff;
                _isShort = descriptors?.IsReserved((int)accepted.Handle) ?? false;
                return Create(accepted);
            }
            catch (Exception e) when (_unbound.IsCancellationRequested && e is SocketException or ObjectDisposedException)
            {
                break;
            }
            catch (SocketException e) when (WaitsOut(e.SocketErrorCode))
            {
                await BackOffAsync(e.Message, cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.InvalidArgument)
            {
                // accept(2): EINVAL means that the socket does not listen. The message alone would not say so.
                throw new SocketException((int)e.SocketErrorCode, $"{EndPoint} no longer listens: its socket was shut down from outside ({Errno.EINVAL}).");
            }
            catch (SocketException e) when (IsOfConnection(e.SocketErrorCode))
            {
                // The client left before it was accepted. Accept the next one.
            }
        }

        return null;
    }

    /// <summary>Accepting ends, and the socket is closed.</summary>
    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await _unbound.CancelAsync().ConfigureAwait(false);
        socket.Dispose();
    }

    // _unbound is not disposed: an accept that is backing off may still read its token.
    public ValueTask DisposeAsync() => UnbindAsync();

    private ConnectionContext Create(Socket accepted)
    {
        try
        {
            return connections.Create(accepted);
        }
        catch
        {
            accepted.Dispose();
            throw;
        }
    }

    // No descriptor or memory is left, or a firewall rule rejects the call: all we can do is wait.
    private static bool WaitsOut(SocketError error) =>
        error is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable or SocketError.AccessDenied;

    // accept(2) also returns errors of the new connection or its network; the man page says to retry.
    private static bool IsOfConnection(SocketError error) =>
        error is SocketError.ConnectionReset or SocketError.ConnectionAborted
            or SocketError.NetworkDown or SocketError.NetworkUnreachable
            or SocketError.HostDown or SocketError.HostUnreachable or SocketError.TimedOut or SocketError.Interrupted
            or SocketError.ProtocolOption or SocketError.ProtocolNotSupported;

    private async Task BackOffAsync(string reason, CancellationToken cancellationToken)
    {
        long now = Environment.TickCount64;
        if (now >= _mayLogAt)
        {
            // Clients can cause this, so limit the log.
            _mayLogAt = now + (long)LogInterval.TotalMilliseconds;
            LogBackOff(EndPoint, reason);
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(_unbound.Token, cancellationToken);
        await Task.Delay(_backOff, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        _backOff = _backOff * 2 < LongestBackOff ? _backOff * 2 : LongestBackOff;
    }

    [LoggerMessage(201, LogLevel.Warning, "{EndPoint} stops accepting for now: {Reason}")]
    private partial void LogBackOff(EndPoint endPoint, string reason);
}
