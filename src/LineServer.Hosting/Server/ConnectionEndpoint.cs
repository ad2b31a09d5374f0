using System.Diagnostics;
using System.Net;
using LineServer.Connections;
using LineServer.Hosting.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting;

/// <summary>An endpoint of a <see cref="ConnectionServer"/>: it listens, refuses, drains and stops by itself.</summary>
public sealed partial class ConnectionEndpoint
{
    // Transports wait out accept errors that pass. An error that reaches us this often in a row will not pass.
    private const int MaxAcceptFailures = 8;

    private static readonly TimeSpan FirstRetryDelay = TimeSpan.FromMilliseconds(5);

    // An aborted connection ends at once, unless its handler blocks.
    private static readonly TimeSpan AbortGrace = TimeSpan.FromSeconds(1);

    private readonly IConnectionListener _listener;
    private readonly ConnectionDelegate _application;
    private readonly LineConnectionHandler? _lines;
    private readonly bool _hasMiddleware;
    private readonly Admission _admission;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly BoundedRateLog _failureLog;
    private readonly Action<ConnectionEndpoint> _onFailed;
    private readonly TaskCompletionSource _stopRequested = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _abortRequested = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private LinkedItems<ServerConnection> _connections;
    private bool _isClosed; // set by the abort: connections accepted later are closed at once
    private EndpointState _state;
    private Task _accepting = Task.CompletedTask;
    private Task<int>? _stopped;

    internal ConnectionEndpoint(
        EndpointBuilder builder, IConnectionListener listener, TimeProvider time, ILogger logger, Action<ConnectionEndpoint> onFailed)
    {
        _application = builder.Build();
        _listener = listener;
        _lines = builder.Lines;
        _hasMiddleware = builder.HasMiddleware;
        _admission = _lines?.Endpoint.Admission ?? new Admission(new ConnectionLimits(), time, builder.ServerAdmission);
        _time = time;
        _logger = logger;
        _failureLog = new BoundedRateLog(time);
        _onFailed = onFailed;
        Name = builder.Name ?? listener.EndPoint.ToString()!;
    }

    /// <summary>The endpoint's name in logs and metrics.</summary>
    public string Name { get; }

    /// <summary>Where it listens; the port is the one that the kernel chose.</summary>
    public EndPoint EndPoint => _listener.EndPoint;

    /// <summary>What the endpoint does now.</summary>
    public EndpointState State
    {
        get
        {
            lock (_gate)
            {
                return _state;
            }
        }
    }

    /// <summary>Connections that were let in and have not ended.</summary>
    public int ConnectionCount
    {
        get
        {
            lock (_gate)
            {
                return _connections.Count;
            }
        }
    }

    /// <summary>Why the endpoint stopped accepting unexpectedly; null if it did not.</summary>
    public Exception? Failure { get; private set; }

    /// <inheritdoc/>
    public override string ToString() => Name;

    internal void Start()
    {
        if (_listener is IEventLoopListener onLoop)
        {
            onLoop.AcceptsInline = true;
        }

        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>
    /// Drains: stops accepting, and lets connections finish what was received and close in order. Connections that
    /// have not ended after <see cref="LineLimits.DrainTimeout"/>, or when <paramref name="cancellationToken"/> is
    /// cancelled, are aborted. A second call waits for the same drain; its token aborts too.
    /// </summary>
    /// <returns>How many connections were aborted.</returns>
    public async Task<int> StopAsync(CancellationToken cancellationToken = default)
    {
        Task<int> stopped;
        lock (_gate)
        {
            stopped = _stopped ??= Task.Run(DrainAsync, CancellationToken.None);
        }

        // Every caller's token counts: DisposeAsync must not wait for a drain that was begun without one.
        using (cancellationToken.UnsafeRegister(static requested => ((TaskCompletionSource)requested!).TrySetResult(), _abortRequested))
        {
            return await stopped.ConfigureAwait(false);
        }
    }

    /// <summary>True if a connection loop is all that serves a connection: no middleware, no other delegate.</summary>
    internal bool ServesLinesOnly => _lines is not null && !_hasMiddleware;

    /// <summary>Starts the connection loop, which calls <see cref="ConnectionPlace.OnLoopEnded"/> when it has ended.</summary>
    internal void ServeLines(ServerConnection connection) => _ = _lines!.ServeAsync(connection.Context, connection);

    /// <summary>Runs the endpoint's pipeline. The task ends with the connection.</summary>
    internal Task RunPipelineAsync(ServerConnection connection)
    {
        // Middleware stands between the connection and its lines, which find their place by this.
        connection.Context.Features.Set<ConnectionPlace>(connection);
        return _application(connection.Context);
    }

    internal void Remove(ServerConnection connection)
    {
        lock (_gate)
        {
            _connections.Remove(connection);
            if (_connections.Count == 0 && _state is EndpointState.Draining && _accepting.IsCompleted)
            {
                _empty.TrySetResult();
            }
        }
    }

    internal void ReportFailure(ConnectionContext connection, Exception exception)
    {
        if (_failureLog.TryEnter(out int suppressed))
        {
            LogConnectionFailed(connection.ConnectionId, Name, suppressed, exception);
        }
    }

    // Where the transport accepts on an event loop, this runs there: nothing in it may wait, except by await.
    private async Task AcceptAsync()
    {
        int failures = 0;
        while (true)
        {
            try
            {
                if (await _listener.AcceptAsync().ConfigureAwait(false) is not { } connection)
                {
                    break;
                }

                failures = 0;
                Enter(connection);
            }
#pragma warning disable CA1031 // An accept loop that dies in silence is the worst of all errors.
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (State != EndpointState.Listening)
                {
                    break;
                }

                if (++failures == MaxAcceptFailures)
                {
                    Fail(e);
                    return;
                }

                await _stopRequested.Task.WaitAsync(FirstRetryDelay * (1 << failures), _time)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        if (State == EndpointState.Listening)
        {
            Fail(new InvalidOperationException("The transport's listener has ended by itself."));
        }
    }

    private void Enter(ConnectionContext connection)
    {
        EndPoint? peer = _admission.IgnoresPeers ? null : connection.RemoteEndPoint;
        CloseReason refusal = _admission.TryEnter(peer);
        if (refusal != CloseReason.None)
        {
            _ = RefuseAsync(connection, refusal);
            return;
        }

        ServerConnection? entered = null;
        try
        {
            entered = new ServerConnection(this, connection, _admission, peer);
            if (!TryAdd(entered))
            {
                entered.Free();
                connection.Abort(new ConnectionAbortedException("The endpoint has stopped."));
                _ = connection.DisposeAsync();
                return;
            }

            entered.Start(ServesLinesOnly && _lines!.Endpoint.RunsOnLoop);
        }
        catch (Exception e)
        {
            // No memory, for one. The connection ends, and its place is free again.
            ReportFailure(connection, e);
            connection.Abort(new ConnectionAbortedException("The connection could not be served.", e));
            _ = connection.DisposeAsync();
            if (entered is null)
            {
                _admission.Leave(peer);
            }
            else
            {
                entered.Free();
                Remove(entered);
            }
        }
    }

    private async Task RefuseAsync(ConnectionContext connection, CloseReason reason)
    {
        try
        {
            if (_lines is not null)
            {
                using ITimer? bound = Refusal.Bound(connection, _lines.Endpoint);
                if (_lines.Endpoint is { Handlers.MayHaveLastLine: true, MayBlock: true })
                {
                    // Off the event loop: the handler that says the last line may block.
                    await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                }

                await Refusal.RunAsync(connection, _lines.Endpoint, reason).ConfigureAwait(false);
                // Within the bound: Kestrel's sockets wait here until the client has read the last line.
                await connection.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // The connection is gone already.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    private bool TryAdd(ServerConnection connection)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return false;
            }

            _connections.Add(connection);
            return true;
        }
    }

    private void Fail(Exception exception)
    {
        lock (_gate)
        {
            if (_state != EndpointState.Listening)
            {
                return;
            }

            _state = EndpointState.Failed;
            Failure = exception;
        }

        // On the thread pool: this may be an event loop, and EndpointFailed may block.
        ThreadPool.UnsafeQueueUserWorkItem(
            static endpoint => _ = endpoint.TellOfFailureAsync(),
            this,
            preferLocal: false);
    }

    private async Task TellOfFailureAsync()
    {
        LogEndpointFailed(Name, Failure!);
        // Clients must not wait in the backlog of a socket that nobody accepts from. And EndpointFailed may add an
        // endpoint on the same address.
        await EndsWithin(DisposeListenerAsync(), AbortGrace).ConfigureAwait(false);
        try
        {
            _onFailed(this);
        }
#pragma warning disable CA1031 // An unhandled exception would end the process, and the endpoints that still work.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LogEndpointFailedThrew(Name, e);
        }
    }

    // DrainTimeout bounds accepting too: on a blocked event loop an accept never completes.
    private async Task<int> DrainAsync()
    {
        lock (_gate)
        {
            Debug.Assert(_state is EndpointState.Listening or EndpointState.Failed, "an endpoint is stopped once");
            _state = EndpointState.Draining;
        }

        _stopRequested.TrySetResult();
        // First, so that connections still accepted from the backlog are drained like the others.
        _lines?.Endpoint.Connections.BeginDrain();
        Task drained = Task.WhenAll(EndAcceptingAsync(), _empty.Task);
        int aborted = 0;
        TimeSpan drainTimeout = _lines?.Endpoint.Limits.DrainTimeout ?? Timeout.InfiniteTimeSpan;
        await EndsWithin(Task.WhenAny(drained, _abortRequested.Task), drainTimeout).ConfigureAwait(false);
        if (!drained.IsCompleted)
        {
            aborted = Abort(_abortRequested.Task.IsCompleted ? CloseReason.Aborted : CloseReason.DrainTimeout);
            if (!await EndsWithin(drained, AbortGrace).ConfigureAwait(false))
            {
                LogNotEnded(Name, ConnectionCount);
            }
        }

        await EndsWithin(DisposeListenerAsync(), AbortGrace).ConfigureAwait(false);
        lock (_gate)
        {
            _state = EndpointState.Stopped;
            _isClosed = true;
        }

        _lines?.Endpoint.Stop();
        return aborted;
    }

    private async Task EndAcceptingAsync()
    {
        try
        {
            await _listener.UnbindAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // However unbinding ends, disposing does it.
        catch (Exception)
#pragma warning restore CA1031
        {
            await DisposeListenerAsync().ConfigureAwait(false);
        }

        await _accepting.ConfigureAwait(false);
        lock (_gate)
        {
            if (_connections.Count == 0)
            {
                _empty.TrySetResult();
            }
        }
    }

    private async Task DisposeListenerAsync()
    {
        try
        {
            await _listener.DisposeAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nothing more can be done for it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LogListenerNotDisposed(Name, e);
        }
    }

    private async Task<bool> EndsWithin(Task task, TimeSpan timeout)
    {
        await task.WaitAsync(timeout, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return task.IsCompleted;
    }

    private int Abort(CloseReason reason)
    {
        // Connection loops first: they record the reason. The rest are within middleware, or their handlers block.
        _lines?.Endpoint.Connections.Abort(reason);
        ServerConnection[] left;
        lock (_gate)
        {
            _isClosed = true;
            left = _connections.ToArray();
        }

        foreach (ServerConnection connection in left)
        {
            connection.Context.Abort(new ConnectionAbortedException($"Aborted: {reason}."));
        }

        if (left.Length > 0 && reason == CloseReason.DrainTimeout)
        {
            LogDrainTimeout(Name, left.Length, _lines!.Endpoint.Limits.DrainTimeout);
        }

        return left.Length;
    }

    [LoggerMessage(101, LogLevel.Critical, "{Endpoint} stopped accepting unexpectedly")]
    private partial void LogEndpointFailed(string endpoint, Exception exception);

    [LoggerMessage(102, LogLevel.Error, "{Connection} on {Endpoint}: what serves it failed ({Suppressed} more since the last message)")]
    private partial void LogConnectionFailed(string connection, string endpoint, int suppressed, Exception exception);

    [LoggerMessage(103, LogLevel.Warning, "{Endpoint}: {Count} connections had not ended after {DrainTimeout}; they are aborted")]
    private partial void LogDrainTimeout(string endpoint, int count, TimeSpan? drainTimeout);

    [LoggerMessage(104, LogLevel.Warning, "{Endpoint}: {Count} connections were aborted and have not ended; they are left behind")]
    private partial void LogNotEnded(string endpoint, int count);

    [LoggerMessage(105, LogLevel.Error, "{Endpoint} stopped accepting, and its EndpointFailed callback threw")]
    private partial void LogEndpointFailedThrew(string endpoint, Exception exception);

    [LoggerMessage(106, LogLevel.Error, "{Endpoint}: the transport's listener could not be disposed of")]
    private partial void LogListenerNotDisposed(string endpoint, Exception exception);
}
