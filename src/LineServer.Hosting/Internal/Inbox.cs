using System.Buffers;
using System.Diagnostics;
using LineServer.Connections;
using LineServer.Framing;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Everything that other threads may do to a connection: push, wake, close, abort, drain, and request a flush or
/// a payload. They leave it here and wake the loop, which acts on it. Apart from this, other threads write only
/// the deadline that the timer takes and the links of the connection table.
/// </summary>
internal sealed class Inbox : LineConnection
{
    private readonly ConnectionLoop? _loop; // null: the connection was refused
    private Mailbox? _mailbox;
    private PendingHandler? _pendingHandler;
    private CancellationTokenSource? _aborted;
    private long _drainDeadline = long.MaxValue;
    private WakeFlag _wake;
    private int _state;
    private int _closeReason;

    public Inbox(ConnectionContext context, ConnectionLoop loop)
        : base(context) => _loop = loop;

    private Inbox(ConnectionContext context, CloseReason refused)
        : base(context)
    {
        _closeReason = (int)refused;
        _state = (int)ConnectionState.Ended;
    }

    public ConnectionState State => (ConnectionState)Volatile.Read(ref _state);

    public override CloseReason CloseReason => (CloseReason)Volatile.Read(ref _closeReason);

    public override CancellationToken Aborted
    {
        get
        {
            CancellationTokenSource source = LazyInitializer.EnsureInitialized(ref _aborted);
            if (State >= ConnectionState.Lost)
            {
                CancelAborted();
            }

            return source.Token;
        }
    }

    public override long IncompleteLength => _loop?.Read.Lines.IncompleteLength ?? 0;

    /// <summary>Joins a handler that does not complete synchronously. Created on first use.</summary>
    public PendingHandler PendingHandler => Volatile.Read(ref _pendingHandler) ?? MakePendingHandler();

    /// <summary>The public face of a refused connection, which never gets a loop.</summary>
    public static Inbox Refused(ConnectionContext context, CloseReason reason) => new(context, reason);

    public override bool TryPush(ReadOnlySpan<byte> line)
    {
        if (_loop is null)
        {
            return false;
        }

        LineWriter.ThrowIfDelimiterInside(line, _loop.Endpoint.Format.Delimiter);
        Mailbox mailbox = Volatile.Read(ref _mailbox) ?? MakeMailbox(_loop.Endpoint);
        if (mailbox.TryAdd(line, out bool wasEmpty, out bool isFull))
        {
            if (wasEmpty)
            {
                WakeLoop();
            }

            return true;
        }

        if (isFull && _loop.Endpoint.Options.MailboxFullBehavior == MailboxFullBehavior.Close)
        {
            RequestClose(CloseReason.MailboxFull);
        }

        return false;
    }

    public override void Wake()
    {
        if (_loop is not null && _wake.TrySet())
        {
            WakeLoop();
        }
    }

    public override void Close() => RequestClose(CloseReason.HandlerClosed);

    public override void Abort() => Abort(CloseReason.Aborted);

    public override ValueTask FlushAsync()
    {
        ThrowIfNotHandlingLine();
        if (State >= ConnectionState.Lost)
        {
            return ValueTask.FromCanceled(Aborted);
        }

        var request = new FlushRequest();
        PendingHandler.Post(request);
        return new ValueTask(request.Task);
    }

    public override ValueTask<ReadOnlySequence<byte>> ReadPayloadAsync(int count)
    {
        ConnectionLoop loop = ThrowIfNotHandlingLine();
        loop.ThrowIfNoPayload(count);
        if (State >= ConnectionState.Lost)
        {
            return ValueTask.FromCanceled<ReadOnlySequence<byte>>(Aborted);
        }

        if (loop.TryTakePayload(count, out ReadOnlySequence<byte> payload))
        {
            return new ValueTask<ReadOnlySequence<byte>>(payload);
        }

        var request = new PayloadRequest(count);
        PendingHandler.Post(request);
        return new ValueTask<ReadOnlySequence<byte>>(request.Task);
    }

    /// <summary>Begins an orderly close. The first close reason wins.</summary>
    public void RequestClose(CloseReason reason)
    {
        if (State < ConnectionState.Ended)
        {
            SetCloseReason(reason);
            Raise(ConnectionState.Closing);
            _loop!.EndBatches();
            WakeLoop();
        }
    }

    /// <summary>Closes immediately.</summary>
    public void Abort(CloseReason reason)
    {
        if (State < ConnectionState.Ended)
        {
            Lose(reason);
            try
            {
                Context.Abort(new ConnectionAbortedException($"Aborted: {CloseReason}."));
            }
#pragma warning disable CA1031 // A failing abort must not hit the caller, which may be a timer.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _loop!.Endpoint.Log.ConnectionLost(e, this);
            }

            WakeLoop();
        }
    }

    /// <summary>Handles what was received, then closes in order.</summary>
    /// <remarks>
    /// Sets no close reason yet: while the rest is handled, the connection may still end for another reason.
    /// </remarks>
    public void BeginDrain(long deadline)
    {
        Volatile.Write(ref _drainDeadline, deadline);
        if (Raise(ConnectionState.Draining))
        {
            WakeLoop();
        }
    }

    /// <summary>True if the connection's drain deadline has passed at <paramref name="now"/>.</summary>
    public bool IsDrainLate(long now) => Volatile.Read(ref _drainDeadline) <= now;

    /// <summary>The server stops waiting for the drain.</summary>
    public void AbortDrain()
    {
        Volatile.Write(ref _drainDeadline, long.MaxValue);
        if (State < ConnectionState.Ended)
        {
            // The one close reason that may be replaced: the drain did not end.
            Interlocked.CompareExchange(ref _closeReason, (int)CloseReason.DrainTimeout, (int)CloseReason.Drain);
            Abort(CloseReason.DrainTimeout);
        }
    }

    /// <summary>
    /// For the loop, and for <see cref="Abort(CloseReason)"/>: nothing can be sent anymore.
    /// </summary>
    public void Lose(CloseReason reason)
    {
        SetCloseReason(reason);
        Raise(ConnectionState.Lost);
        _loop!.EndBatches();
        CancelAborted();
    }

    /// <summary>Sets the close reason unless there is one already.</summary>
    public void SetCloseReason(CloseReason reason) => Interlocked.CompareExchange(ref _closeReason, (int)reason, (int)CloseReason.None);

    /// <summary>True if the handler was to be woken, and has not been.</summary>
    public bool IsWoken => _wake.IsSet;

    /// <summary>For the loop: takes the wake-up, and calls the handler for it.</summary>
    public bool TryTakeWake() => _wake.TryTake();

    /// <summary>For the loop: the handler is woken no more. True if it was to be.</summary>
    public bool EndWakes() => _wake.End();

    /// <summary>True if pushed lines wait to be staged.</summary>
    public bool HasMail => Volatile.Read(ref _mailbox) is { IsEmpty: false };

    /// <summary>For the loop: stages pushed lines.</summary>
    public void StageMail(TransportOutput output) => Volatile.Read(ref _mailbox)?.MoveTo(output);

    /// <summary>For the loop: the connection closes now, requested or not.</summary>
    /// <remarks>
    /// Refuses further pushes, and stages those accepted: a push that returned true is lost only with the
    /// connection.
    /// </remarks>
    public void BeginClose(TransportOutput output)
    {
        Raise(ConnectionState.Closing);
        // Also close a mailbox that was never created, or a later push would create it.
        Interlocked.CompareExchange(ref _mailbox, Mailbox.Closed, null)?.CloseTo(State < ConnectionState.Lost ? output : null);
    }

    /// <summary>For the loop: code of the handler has run on the event loop.</summary>
    public void OnHandlerRan() => _pendingHandler?.OnHandlerRan();

    /// <summary>For the loop: true if the handler of a line has ended.</summary>
    public bool HasEnded(ValueTask task) => _pendingHandler?.HasEnded(task) ?? task.IsCompleted;

    /// <summary>For the loop: the result of a line's task is about to be taken.</summary>
    public void Forget(ValueTask task) => _pendingHandler?.Forget(task);

    /// <summary>For the loop: the connection has ended.</summary>
    public void End()
    {
        Debug.Assert(State is ConnectionState.Closing or ConnectionState.Lost, "a connection ends that was not being closed");
        Raise(ConnectionState.Ended);
        CancelAborted();
    }

    /// <summary>
    /// For the loop: the handler no longer has a line, so a request that it did not await is cancelled.
    /// </summary>
    public void DropRequest() => _pendingHandler?.DropRequest();

    /// <returns>False if the connection had reached that state or a later one already.</returns>
    private bool Raise(ConnectionState state)
    {
        while (true)
        {
            int current = Volatile.Read(ref _state);
            if (current >= (int)state)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _state, (int)state, current) == current)
            {
                return true;
            }
        }
    }

    private void CancelAborted()
    {
        // Either this sees the source that Aborted has just created, or Aborted sees that the connection is
        // lost.
        Interlocked.MemoryBarrier();
        try
        {
            // Code of the handler may be waiting for it.
            if (_aborted is { } aborted)
            {
                HandlerContext? context = _loop?.Context;
                HandlerEntry entry = context?.Enter() ?? default;
                try
                {
                    aborted.Cancel();
                }
                finally
                {
                    context?.Leave(entry);
                }
            }
        }
#pragma warning disable CA1031 // A handler's callback must not hit the caller, which may be a timer.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _loop?.Endpoint.Log.HandlerFailed(e, this, "a cancellation callback");
        }
    }

    /// <summary>
    /// Makes the loop look at the inbox, whatever it waits for. A wake-up that comes too early is kept.
    /// </summary>
    private void WakeLoop()
    {
        _loop!.CancelRead();
        Volatile.Read(ref _pendingHandler)?.Set();
    }

    private Mailbox MakeMailbox(LineEndpoint endpoint)
    {
        var made = new Mailbox(endpoint.Limits.MailboxSize, endpoint.Format.Delimiter);
        return Interlocked.CompareExchange(ref _mailbox, made, null) ?? made;
    }

    private PendingHandler MakePendingHandler()
    {
        IEventLoopFeature? eventLoop = Features.Get<IEventLoopFeature>() is { RunsInline: true } inline ? inline : null;
        var made = new PendingHandler(_loop!, this, eventLoop);
        return Interlocked.CompareExchange(ref _pendingHandler, made, null) ?? made;
    }

    private ConnectionLoop ThrowIfNotHandlingLine() => _loop switch
    {
        { IsHandlingLine: true } => _loop,
        { IsConcurrent: true } => throw new InvalidOperationException($"Not with {nameof(LineOptions.MaxConcurrentLines)} above 1."),
        _ => throw new InvalidOperationException($"Only within {nameof(LineHandler)}.{nameof(LineHandler.OnLineAsync)}."),
    };
}
