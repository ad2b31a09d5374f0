using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Accepts connections, and assigns each to the loop with the fewest.</summary>
internal sealed class SocketListener<TCalls> : IConnectionListener, IEventLoopListener, IEventSource, IWaitScheduler
    where TCalls : struct, ISystemCalls
{
    // How many connections to accept inline in one iteration before the loop's other sources get their turn.
    private const int AcceptBudget = 64;

    private const uint HungUp = EpollEvent.ReadHangUp | EpollEvent.HangUp | EpollEvent.Error;

    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(1);

    // Clients can cause a back-off, so it is not logged each time.
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    private readonly EpollTransport<TCalls> _transport;
    private readonly Socket _socket;
    private readonly int _descriptor;
    private readonly EventLoop _loop;
    private readonly int _slot;
    private readonly AddressFamily _family;
    private readonly bool _isPassed;
    private readonly AcceptSignal _signal;
    private readonly ReportLog _backOffs;
    private readonly CancellationTokenSource _unbound = new();
    private readonly Lock _gate = new(); // keeps accept4 off a closed descriptor
    private TimeSpan _backOff = FirstBackOff;
    private int _leftAfterUnbind;
    private int _iteration;
    private int _acceptedInIteration;
    private int _isPosted;
    private bool _isShort; // few descriptors were left at the last accept
    private volatile bool _isHungUp; // set by the loop; a Unix socket that was shut down only says EAGAIN
    private volatile bool _isClosed; // set under the gate
    private Errno _lostBy; // the error of accept4 when the socket no longer listened

    /// <param name="transport">The transport of the accepted connections.</param>
    /// <param name="loop">Watches the socket.</param>
    /// <param name="socket">A bound socket, which the listener takes over.</param>
    /// <param name="isPassed">
    /// True if another process created the socket and passes it on to the next instance, which gets the
    /// connections still in its queue when accepting ends.
    /// </param>
    /// <exception cref="SocketException">The socket cannot listen.</exception>
    public SocketListener(EpollTransport<TCalls> transport, EventLoop loop, Socket socket, bool isPassed)
    {
        _transport = transport;
        _socket = socket;
        _descriptor = (int)socket.Handle;
        _loop = loop;
        _isPassed = isPassed;
        _signal = new AcceptSignal(this);
        _backOffs = new ReportLog(transport.Logger, transport.Time, LogInterval);
        socket.Blocking = false;
        SetOptions(socket, transport.Options);
        socket.Listen(transport.Options.Backlog);
        EndPoint = socket.LocalEndPoint!;
        _family = socket.AddressFamily;
        _leftAfterUnbind = isPassed ? 0 : transport.Options.Backlog + 1;
        int error = loop.Register(this, _descriptor, EpollEvent.In | EpollEvent.ReadHangUp, out _slot);
        if (error != 0)
        {
            throw new SocketException((int)SocketErrors.FromErrno((Errno)(-error)));
        }
    }

    public EndPoint EndPoint { get; }

    public bool AcceptsInline { get; set; }

    IEventSource? IEventSource.NextPosted { get; set; }

    bool IWaitScheduler.RunsInline => AcceptsInline;

    /// <summary>
    /// Accepts the next connection. Returns null after <see cref="UnbindAsync"/>, or when the transport ends.
    /// </summary>
    /// <exception cref="SocketException">
    /// The socket no longer listens: another holder of it has shut it down.
    /// </exception>
    /// <remarks>
    /// Its state machine is pooled, like its waits. Accepting thousands of connections would otherwise leave
    /// garbage between them.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (MustYield())
            {
                await _signal.YieldAsync().ConfigureAwait(false);
                continue;
            }

            if (_isShort && _transport.Descriptors.IsReached())
            {
                ReportBackOff("few file descriptors are left (RLIMIT_NOFILE)");
                await BackOffAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            (SocketConnection<TCalls>? connection, AcceptOutcome outcome) = Accept();
            if (connection is not null)
            {
                _acceptedInIteration++;
                return connection;
            }

            switch (outcome)
            {
                case AcceptOutcome.Wait or AcceptOutcome.Lost when _unbound.IsCancellationRequested:
                case AcceptOutcome.End:
                    Close();
                    return null;
                case AcceptOutcome.Lost:
                    Close();
                    throw new SocketException(
                        (int)SocketErrors.FromErrno(_lostBy), $"{EndPoint} no longer listens: its socket was shut down from outside ({_lostBy}).");
                case AcceptOutcome.Wait:
                    await _signal.WaitAsync(cancellationToken).ConfigureAwait(false);
                    break;
                case AcceptOutcome.BackOff:
                    await BackOffAsync(cancellationToken).ConfigureAwait(false);
                    break;
            }
        }
    }

    /// <summary>
    /// Ends accepting. Connections in the backlog are accepted first, at most as many as it holds. On a
    /// passed socket they are left to the next instance.
    /// </summary>
    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await _unbound.CancelAsync().ConfigureAwait(false);
        _signal.Set(); // look at the backlog once more
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync().ConfigureAwait(false);
        Close();
    }

    void IWaitScheduler.Post()
    {
        if (Interlocked.Exchange(ref _isPosted, 1) == 0)
        {
            _loop.Post(this);
        }
    }

    Readiness IEventSource.OnEvents(uint events)
    {
        _isHungUp |= (events & HungUp) != 0;
        return _signal.TrySetInline() ? Readiness.InGroup : Readiness.None;
    }

    void IEventSource.OnReady() => _signal.Complete();

    void IEventSource.OnPosted()
    {
        Interlocked.Exchange(ref _isPosted, 0);
        _signal.OnPosted();
    }

    void IEventSource.OnLoopEnded(Exception reason)
    {
        // The token's callbacks do not run on the loop.
        _ = _unbound.CancelAsync();
        Close();
        _signal.Set();
    }

    void IEventSource.OnFailed(Exception exception)
    {
        // The failure is logged; the next accept tries again.
    }

    /// <inheritdoc/>
    public override string ToString() => EndPoint.ToString()!;

    // Inline, an accept that begins on another thread moves to the loop, where its continuation must run.
    private bool MustYield()
    {
        if (!AcceptsInline || _isClosed)
        {
            return false;
        }

        if (!_loop.IsCurrent)
        {
            return true;
        }

        if (_iteration != _loop.Iteration)
        {
            _iteration = _loop.Iteration;
            _acceptedInIteration = 0;
        }

        return _acceptedInIteration >= AcceptBudget;
    }

    private unsafe (SocketConnection<TCalls>? Connection, AcceptOutcome Outcome) Accept()
    {
        EventLoop? loop;
        byte* address = stackalloc byte[PeerAddress.MaxSize];
        int length = PeerAddress.MaxSize;
        int accepted;
        lock (_gate)
        {
            if (_lostBy != default)
            {
                return (null, AcceptOutcome.Lost);
            }

            if (_isClosed || (_unbound.IsCancellationRequested && _leftAfterUnbind-- == 0))
            {
                return (null, AcceptOutcome.End);
            }

            // Choose the loop first: once the transport is disposed, nothing more may be accepted.
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
            // Nothing owns the descriptor yet.
            _ = Libc.Close(accepted);
            error = (int)Errno.ENOMEM;
        }

        return (null, Failed((Errno)error));
    }

    private AcceptOutcome Failed(Errno error)
    {
        if (error == Errno.EAGAIN && _isHungUp)
        {
            error = Errno.EINVAL;
        }

        AcceptOutcome outcome = SocketErrors.OnAccept(error);
        if (outcome == AcceptOutcome.BackOff)
        {
            ReportBackOff(Marshal.GetPInvokeErrorMessage((int)error));
        }
        else if (outcome == AcceptOutcome.Lost)
        {
            _lostBy = error;
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
            // Unbound. Accepting the backlog would need descriptors that are not there.
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
                // Unregister it explicitly: other descriptors may keep its file open, in another process or
                // in whoever passed this one.
                _loop.Unregister(_slot, _descriptor);
                _socket.Dispose();
            }
        }
    }

    private void ReportBackOff(string reason)
    {
        _transport.Metrics.AcceptBackedOff();
        _backOffs.Write(LogLevel.Warning, null, "{EndPoint} stops accepting for now: {Reason}", EndPoint, reason);
    }

    // Accepted connections inherit these from the listening socket, which saves system calls for each.
    private static void SetOptions(Socket socket, EpollTransportOptions options)
    {
        if (socket.AddressFamily == AddressFamily.Unix)
        {
            return;
        }

        SocketOptions.Apply((int)socket.Handle, options);
    }
}
