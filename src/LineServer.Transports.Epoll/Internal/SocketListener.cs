using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Accepts, and deals each connection to the loop with the fewest.</summary>
internal sealed partial class SocketListener<TCalls> : IConnectionListener, ILoopItem
    where TCalls : struct, ISystemCalls
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    private readonly EpollTransport<TCalls> _transport;
    private readonly Socket _socket;
    private readonly int _descriptor;
    private readonly EventLoop _loop;
    private readonly int _slot;
    private readonly AddressFamily _family;
    private readonly AcceptSignal _signal = new();
    private readonly CancellationTokenSource _unbound = new();
    private readonly Lock _gate = new(); // nobody accepts on a descriptor that was closed
    private TimeSpan _backOff = FirstBackOff;
    private long? _lastLog;
    private int _leftAfterUnbind;
    private bool _isShort; // of descriptors, when the last connection was accepted
    private bool _isClosed;

    /// <exception cref="SocketException">It cannot listen.</exception>
    public SocketListener(EpollTransport<TCalls> transport, EventLoop loop, Socket socket)
    {
        _transport = transport;
        _socket = socket;
        _descriptor = (int)socket.Handle;
        _loop = loop;
        socket.Blocking = false;
        SetOptions(socket, transport.Options);
        socket.Listen(transport.Options.Backlog);
        EndPoint = socket.LocalEndPoint!;
        _family = socket.AddressFamily;
        _leftAfterUnbind = transport.Options.Backlog + 1;
        int error = loop.Register(this, _descriptor, EpollEvent.In, out _slot);
        if (error != 0)
        {
            throw new SocketException((int)SocketErrors.FromErrno((Errno)(-error)));
        }
    }

    public EndPoint EndPoint { get; }

    ILoopItem? ILoopItem.NextPosted { get; set; }

    // Pooled, as its waits are: thousands of connections come one by one, and what each accept had to allocate lay between them.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (_isShort && _transport.Descriptors.IsReached())
            {
                LogBackOff("few file descriptors are left (RLIMIT_NOFILE)");
                await BackOffAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            (SocketConnection<TCalls>? connection, AcceptOutcome outcome) = Accept();
            if (connection is not null)
            {
                return connection;
            }

            switch (outcome)
            {
                case AcceptOutcome.Wait when _unbound.IsCancellationRequested:
                case AcceptOutcome.End:
                    Close();
                    return null;
                case AcceptOutcome.Wait:
                    await _signal.WaitAsync(cancellationToken).ConfigureAwait(false);
                    break;
                case AcceptOutcome.BackOff:
                    await BackOffAsync(cancellationToken).ConfigureAwait(false);
                    break;
            }
        }
    }

    /// <summary>Accepting ends. What waits in the backlog now is accepted first, as many as the backlog holds.</summary>
    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await _unbound.CancelAsync().ConfigureAwait(false);
        _signal.Set(); // one more look at the backlog
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync().ConfigureAwait(false);
        Close();
    }

    bool ILoopItem.OnEvents(uint events)
    {
        _signal.Set();
        return false;
    }

    void ILoopItem.OnReady()
    {
        // Nothing waits on the loop.
    }

    void ILoopItem.OnPosted()
    {
        // Nobody posts a listener.
    }

    void ILoopItem.OnLoopEnded(Exception reason)
    {
        _unbound.Cancel();
        _signal.Set();
        Close();
    }

    void ILoopItem.OnFailed(Exception exception)
    {
        // The log has it; the next edge is another chance.
    }

    /// <inheritdoc/>
    public override string ToString() => EndPoint.ToString()!;

    private unsafe (SocketConnection<TCalls>? Connection, AcceptOutcome Outcome) Accept()
    {
        EventLoop? loop;
        byte* address = stackalloc byte[PeerAddress.MaxSize];
        int length = PeerAddress.MaxSize;
        int accepted;
        lock (_gate)
        {
            if (_isClosed || (_unbound.IsCancellationRequested && _leftAfterUnbind-- == 0))
            {
                return (null, AcceptOutcome.End);
            }

            // Before the accept: of a transport that was just disposed, nothing is accepted.
            loop = _transport.Loops.TryFewest();
            if (loop is null)
            {
                return (null, AcceptOutcome.End);
            }

            accepted = TCalls.Accept(_descriptor, address, ref length);
        }

        if (accepted < 0)
        {
            return (null, Failed((Errno)(-accepted)));
        }

        _backOff = FirstBackOff;
        _isShort = _transport.Descriptors.IsReserved(accepted);
        PeerAddress peer = PeerAddress.Parse(new ReadOnlySpan<byte>(address, Math.Min(length, PeerAddress.MaxSize)));
        int error;
        try
        {
            var connection = new SocketConnection<TCalls>(_transport, loop, accepted, _family, peer);
            error = -connection.Start();
            if (error == 0)
            {
                return (connection, AcceptOutcome.Next);
            }
        }
        catch (OutOfMemoryException)
        {
            // Nobody has it yet.
            _ = Libc.Close(accepted);
            error = (int)Errno.ENOMEM;
        }

        return (null, Failed((Errno)error));
    }

    private AcceptOutcome Failed(Errno error)
    {
        AcceptOutcome outcome = SocketErrors.OnAccept(error);
        if (outcome == AcceptOutcome.BackOff)
        {
            LogBackOff(Marshal.GetPInvokeErrorMessage((int)error));
        }

        return outcome;
    }

    private async Task BackOffAsync(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_unbound.Token, cancellationToken);
        try
        {
            await Task.Delay(_backOff, _transport.Time, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Unbound. What the backlog holds would need descriptors that are not there.
            Close();
            _isShort = false;
        }

        _backOff = _backOff * 2 < LongestBackOff ? _backOff * 2 : LongestBackOff;
    }

    private void Close()
    {
        lock (_gate)
        {
            if (!_isClosed)
            {
                _isClosed = true;
                _loop.Unregister(_slot);
                _socket.Dispose();
            }
        }
    }

    // Clients can cause it: not a line for each of them.
    private void LogBackOff(string reason)
    {
        _transport.Metrics.AcceptBackedOff();
        long now = _transport.Time.GetTimestamp();
        if (_lastLog is { } last && _transport.Time.GetElapsedTime(last, now) < LogInterval)
        {
            return;
        }

        _lastLog = now;
        _transport.Logger.LogWarning("{EndPoint} accepts no more for now: {Reason}", EndPoint, reason);
    }

    // Accepted connections inherit them from the listening socket: no system call for each.
    private static void SetOptions(Socket socket, EpollTransportOptions options)
    {
        if (socket.AddressFamily == AddressFamily.Unix)
        {
            return;
        }

        SocketOptions.Apply((int)socket.Handle, options);
    }
}
