using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using LineServer.Connections;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Joins a handler that did not complete synchronously. Meanwhile the loop does what the handler or others
/// request: send staged replies and pushed lines, flush, read a payload. Created when a handler first has to
/// be awaited.
/// </summary>
/// <remarks>
/// On an event loop, replies and pushed lines are sent at the end of the iteration: by then the handler may have ended,
/// and handled more lines. Elsewhere they are sent when the wait begins.
/// </remarks>
[SuppressMessage("Design", "CA1031", Justification = "An exception ends the connection, but the handler must still be joined.")]
internal sealed class PendingHandler(ConnectionLoop loop, Inbox inbox, IEventLoopFeature? eventLoop) : WakeSignal
{
    private IHandlerRequest? _request;
    private AtEnd? _atEnd;
    private Action? _endAction;
    private ValueTask _task; // the handler's; default while none is pending
    private long _deadline; // of the handler
    private bool _isRegistered; // the end of the task calls OnEnded
    private volatile bool _hasCalledBack; // it has
    private bool _isAtEnd; // the loop is at the end of its iteration
    private volatile bool _isReading; // the loop reads on while the handler is pending
    private volatile bool _isElsewhere; // the loop began to wait off its event loop, which must only wake it

    // While the join waits, only this loop resumes it, also after the endpoint has moved to the thread pool: the connection
    // moves between two calls of its handler.
    protected override IEventLoopFeature? EventLoop => eventLoop is { RunsInline: true } ? eventLoop : null;

    /// <summary>True if the connection has an event loop, and runs there.</summary>
    public bool HasLoop => EventLoop is not null;

    private bool IsOnLoop => EventLoop is { IsCurrent: true };

    // OnHandlerRan follows the code of the handler on its loop.
    private bool IsInContext => SynchronizationContext.Current is { } context && context == loop.Context;

    /// <summary>
    /// For the handler: posts a request to the loop. It must await one request before it posts the next.
    /// </summary>
    public void Post(IHandlerRequest request)
    {
        if (Interlocked.CompareExchange(ref _request, request, null) is not null)
        {
            throw new InvalidOperationException("The handler has asked for a flush or a payload already, and has not awaited it.");
        }

        Set();
    }

    /// <summary>The handler is done with its line: cancels a request that it did not await.</summary>
    public void DropRequest() => TakeRequest()?.Cancel(inbox.Aborted);

    /// <summary>Waits until the handler has ended, then rethrows its exception.</summary>
    /// <param name="task">The handler's.</param>
    /// <param name="untilLost">
    /// True to stop waiting when the connection is lost; <see cref="JoinLateAsync"/> must follow then. Otherwise the wait
    /// goes on, whatever happens to the connection.
    /// </param>
    /// <returns>True if the handler has ended.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> JoinAsync(ValueTask task, bool untilLost = false)
    {
        _isReading = false;
        Begin(task);
        // Whatever is staged from now on is seen by the first pass, or wakes the join.
        loop.WatchReplies(EventLoop is null ? null : this);
        Interlocked.MemoryBarrier();
        ConnectionTable table = loop.Endpoint.Connections;
        _deadline = loop.HandlerDeadline;
        while (true)
        {
            bool isOnLoop = NoteWhere();
            if (!isOnLoop || _isAtEnd)
            {
                Register();
            }

            // Read this first: what the handler staged before it ended, or before its request, must be sent
            // before the request completes.
            bool hasEnded = HasEnded(_task);
            bool hasWaited = false;
            loop.Deadlines.EndWatch();
            IHandlerRequest? request = TakeRequest();
            if (request is not null || !SendsLater(hasEnded))
            {
                ValueTask serving = ServeAsync(request, hasEnded);
                if (!serving.IsCompletedSuccessfully)
                {
                    // Time spent waiting for the client does not count against the handler.
                    long before = table.Now;
                    hasWaited = true;
                    await serving;
                    _deadline = _deadline == long.MaxValue ? _deadline : _deadline + (table.Now - before);
                }
            }

            if (hasEnded || (untilLost && inbox.State >= ConnectionState.Lost))
            {
                break;
            }

            if (hasWaited || isOnLoop != IsOnLoop)
            {
                continue; // the handler may have ended meanwhile, or the loop may be on another thread
            }

            loop.Deadlines.Watch(Wait.Handler, _deadline);
            if (_isRegistered)
            {
                // A wait that ends within an iteration is not charged: each charge is an atomic operation.
                loop.Hold(loop.Read.HeldBytes + loop.StagedBytes + loop.PendingBytes);
            }

            await WaitAsync().ConfigureAwait(false);
            loop.Hold(0);
        }

        loop.WatchReplies(null);
        loop.IsHandlingLine = false;
        if (untilLost && !HasEnded(_task))
        {
            return false;
        }

        TakeResult(); // of another task, if the handler has gone on meanwhile
        return true;
    }

    /// <summary>
    /// Waits until the handler has ended whose join has stopped with the loss of the connection, then rethrows its exception.
    /// </summary>
    public async ValueTask JoinLateAsync()
    {
        while (true)
        {
            NoteWhere();
            Register();
            if (HasEnded(_task))
            {
                break;
            }

            await WaitAsync().ConfigureAwait(false);
        }

        TakeResult();
    }

    /// <summary>
    /// The loop is about to read while a line is pending: the read is to be woken when the line's handler has ended, or has
    /// staged a reply. The handler may have been watched before.
    /// </summary>
    public void WatchWhileReading(ValueTask task)
    {
        Begin(task);
        _isReading = true;
        loop.WatchReplies(EventLoop is null ? null : this);
        if (NoteWhere())
        {
            LookAtEnd();
            return;
        }

        Register();
        // Either this sees what another thread has just done, or that thread sees that the loop reads.
        Interlocked.MemoryBarrier();
        if (HasEnded(task) || loop.StagedReplies > 0)
        {
            loop.CancelRead();
        }
    }

    /// <summary>The read has ended.</summary>
    public void EndReading() => _isReading = false;

    /// <summary>The handler has staged something while it is pending.</summary>
    public void OnStaged()
    {
        if (!IsInContext)
        {
            Wake();
        }
    }

    /// <summary>
    /// True if the handler of a line has ended. Once its task calls back, the call counts and not its state: the result of
    /// a pooled task must not be taken while another thread is about to make the call.
    /// </summary>
    public bool HasEnded(ValueTask task) => _isRegistered && task == _task ? _hasCalledBack : task.IsCompleted;

    /// <summary>The result of a task is about to be taken: a task that equals it later is another line's.</summary>
    public void Forget(ValueTask task)
    {
        if (task == _task)
        {
            Begin(default);
        }
    }

    /// <summary>Code of the handler has run in its context, and may have ended it.</summary>
    public void OnHandlerRan()
    {
        if (!IsOnLoop || _isElsewhere || loop.MustMove)
        {
            Wake(); // the loop may be about to wait, on another thread
        }
        else if (!IsWaiting && !_isReading)
        {
            // The loop looks itself before it waits.
        }
        else if (HasEnded(_task))
        {
            if (loop.IsConcurrent)
            {
                LookAtEnd(); // other lines may end in this iteration, too
            }
            else if (TryTakeWaiter())
            {
                GoOn();
            }
        }
        else if (loop.HasToSend)
        {
            LookAtEnd();
        }
    }

    /// <summary>
    /// The handler has ended while the join waits. Calls it for the rest of the batch, and lets the join wait for that: to
    /// resume it for each line would cost more.
    /// </summary>
    [SuppressMessage("Usage", "VSTHRD002", Justification = "It has ended.")]
    private void GoOn()
    {
        if (_task.IsCompletedSuccessfully && Volatile.Read(ref _request) is null && loop.MayGoOn)
        {
            _task.GetAwaiter().GetResult();
            _task = loop.GoOn();
            _isRegistered = _hasCalledBack = false;
            // If the call has blocked, another thread runs the loop now.
            if (!_task.IsCompleted && IsOnLoop)
            {
                _deadline = loop.HandlerDeadline;
                LookAtEnd();
                PutWaiterBack();
                return;
            }
        }

        RunTakenWaiter();
    }

    [SuppressMessage("Usage", "VSTHRD002", Justification = "It has ended.")]
    private void TakeResult()
    {
        ValueTask task = _task;
        _task = default;
        task.GetAwaiter().GetResult();
    }

    private void Begin(ValueTask task)
    {
        if (_task != task)
        {
            _task = task;
            _isRegistered = _hasCalledBack = _isAtEnd = false;
        }
    }

    private void OnEnded()
    {
        _hasCalledBack = true;
        Interlocked.MemoryBarrier(); // see NoteWhere
        OnStaged();
    }

    /// <summary>The loop is about to look, and then to wait: true on its event loop.</summary>
    /// <remarks>
    /// It waits elsewhere if it began on the thread pool, as under Kestrel, or if middleware completes its reads there. Either
    /// it sees what the handler has just done, or the handler's thread sees where it waits.
    /// </remarks>
    private bool NoteWhere()
    {
        bool isOnLoop = IsOnLoop;
        _isElsewhere = !isOnLoop;
        if (!isOnLoop)
        {
            Interlocked.MemoryBarrier();
        }

        return isOnLoop;
    }

    private void Wake()
    {
        Interlocked.MemoryBarrier();
        if (_isReading)
        {
            loop.CancelRead();
        }

        Set();
    }

    /// <summary>Makes the end of the handler wake the loop. Only the loop calls it.</summary>
    /// <remarks>
    /// A handler that ends on the event loop is usually found there without this, and without the allocation that an await
    /// within a context costs. Outside of its context, a continuation would not run within the code that ends the
    /// handler: the runtime would queue it to the thread pool.
    /// </remarks>
    private void Register()
    {
        if (_isRegistered || _task.IsCompleted)
        {
            return;
        }

        _isRegistered = true;
        SynchronizationContext? former = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(EventLoop is null ? null : loop.Context);
        try
        {
            _task.GetAwaiter().UnsafeOnCompleted(_endAction ??= OnEnded);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(former);
        }
    }

    /// <summary>Returns false if replies have to be sent now.</summary>
    private bool SendsLater(bool hasEnded)
    {
        if (hasEnded)
        {
            // The loop sends them when the handler has ended its batch, or awaits again.
            return loop.TryMoveReplies();
        }

        if (!IsOnLoop || _isAtEnd)
        {
            return !loop.HasToSend;
        }

        if (!_isRegistered || loop.HasToSend)
        {
            LookAtEnd();
        }

        return true;
    }

    private void LookAtEnd()
    {
        _atEnd ??= new AtEnd(this);
        if (!_atEnd.IsPosted)
        {
            _atEnd.IsPosted = true;
            eventLoop!.PostAtEnd(_atEnd);
        }
    }

    private IHandlerRequest? TakeRequest() => Volatile.Read(ref _request) is null ? null : Interlocked.Exchange(ref _request, null);

    private async ValueTask ServeAsync(IHandlerRequest? request, bool hasEnded)
    {
        try
        {
            if (loop.HasWake)
            {
                if (loop.MustMove)
                {
                    await HandlerInUse.MoveToThreadPoolAsync();
                }

                loop.StageWake(); // before the reply, or if a part of that has left, after it
            }

            loop.MoveReplies(hasEnded, isHandlerWaiting: request is not null);
            bool isLost = !await loop.SendAsync() || inbox.State >= ConnectionState.Lost;
            if (request is null)
            {
                return;
            }

            if (isLost || hasEnded)
            {
                request.Cancel(inbox.Aborted);
            }
            else if (request is PayloadRequest payload)
            {
                await ServePayloadAsync(payload);
            }
            else
            {
                ((FlushRequest)request).TrySetResult();
            }
        }
        catch (Exception e)
        {
            loop.OnOutputFailed(e);
            request?.Cancel(inbox.Aborted);
        }
    }

    private async ValueTask ServePayloadAsync(PayloadRequest request)
    {
        ReadOnlySequence<byte> payload;
        while (!loop.TryTakePayload(request.Count, out payload))
        {
            bool hasEnded = loop.Read.IsLast;
            loop.EndRead();
            switch (hasEnded ? ReadInProgress.Arrival.EndWithinPayload : await ReadMoreAsync(request.Count))
            {
                case ReadInProgress.Arrival.Nothing:
                    request.Cancel(inbox.Aborted);
                    return;
                case ReadInProgress.Arrival.EndWithinPayload:
                    // Close, however the handler reacts: the partial payload must not be parsed as lines.
                    loop.Read.NeedPayload(request.Count);
                    loop.OnEndOfStream();
                    inbox.RequestClose(CloseReason.PeerClosed);
                    request.TrySetException(new EndOfStreamException($"The client ended the stream within a payload of {request.Count} bytes."));
                    return;
            }
        }

        request.TrySetResult(payload);
    }

    /// <summary>
    /// Reads until the payload is complete or the stream has ended. Returns Nothing if the connection is
    /// closing.
    /// </summary>
    private async ValueTask<ReadInProgress.Arrival> ReadMoreAsync(int count)
    {
        loop.Read.NeedPayload(count);
        while (inbox.State == ConnectionState.Open && await loop.SendAsync())
        {
            loop.Deadlines.WatchRead(loop.Endpoint.Connections, loop.Endpoint.Limits, isWithinLine: true);
            loop.Hold(loop.Read.HeldBytes);
            TransportRead read = await loop.ReadAsync();
            loop.Hold(0);
            loop.Deadlines.EndWatchRead(loop.Endpoint.Connections);
            if (loop.Begin(read) is var arrival and not ReadInProgress.Arrival.Nothing)
            {
                return arrival;
            }
        }

        // A payload that did not arrive whole is like a line that did not: it was not received.
        ReadInProgress.Arrival last = inbox.State == ConnectionState.Draining && loop.TryReadLast(out TransportRead there)
            ? loop.Begin(there)
            : ReadInProgress.Arrival.Nothing;
        if (last == ReadInProgress.Arrival.Nothing)
        {
            inbox.RequestClose(CloseReason.Drain);
        }

        return last;
    }

    /// <summary>At the end of the loop's iteration: a pending handler is registered, and what is staged is sent.</summary>
    private void OnEndOfIteration()
    {
        if (!_isReading)
        {
            _isAtEnd = true;
            TryRunWaiter();
            _isAtEnd = false;
        }
        else if (_isElsewhere || loop.MustMove || HasEnded(_task) || loop.HasToSend)
        {
            loop.CancelRead();
        }
        else
        {
            Register();
            if (HasEnded(_task))
            {
                loop.CancelRead(); // it has ended since the look, and was not registered
            }
        }
    }

    private sealed class AtEnd(PendingHandler owner) : IThreadPoolWorkItem
    {
        public bool IsPosted { get; set; }

        void IThreadPoolWorkItem.Execute()
        {
            IsPosted = false;
            owner.OnEndOfIteration();
        }
    }
}
