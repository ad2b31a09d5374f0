using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using LineServer.Connections;
using LineServer.Framing;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Runs one connection from accept to close: read, pass lines to the handler, flush, read again. Only the
/// loop touches the connection's reader and writer, and only it writes the fields here. Other threads go
/// through its <see cref="Inbox"/>.
/// </summary>
/// <remarks>
/// Its parts: the handler (<see cref="HandlerInUse"/>), the read in progress, the deadlines, the output, a handler being
/// awaited (<see cref="PendingHandler"/>), and the close (<see cref="OrderlyClose"/>).
/// </remarks>
[SuppressMessage("Design", "CA1031", Justification = "Only this connection ends, whatever a handler or a transport throws, or if memory runs out.")]
internal sealed class ConnectionLoop : ILinkedItem<ConnectionLoop>, IThreadPoolWorkItem
{
    // Replies of this size are worth a send of their own.
    private const int LargestLaterSend = 16 * 1024;

    // A task that the handler waits for may end before the loop looks: then a call seems to have done nothing.
    private const int MostIdleCalls = 100;

    private readonly Inbox _inbox;
    private readonly PipeReader _input;
    private readonly TransportOutput _output;
    private HandlerInUse _handler;
    private ReplyBuffer? _replies;
    private ReadInProgress _read;
    private Deadlines _deadlines = new();
    private bool _isConnected;
    private bool _hasGreeted; // OnConnectedAsync has ended, or there is none
    private int _heldBytes;

    public ConnectionLoop(ConnectionContext context, LineEndpoint endpoint, ConnectionPlace place)
    {
        Place = place;
        Endpoint = endpoint;
        _inbox = new Inbox(context, this);
        _input = context.Transport.Input;
        _output = new TransportOutput(context.Transport.Output, endpoint.Format.Delimiter, endpoint.Limits.MaxWriteBufferSize);
        _read = new ReadInProgress(new LineReader(endpoint.Format));
    }

    public LineEndpoint Endpoint { get; }

    /// <summary>The connection, as its handler and the rest of the application see it.</summary>
    public LineConnection Connection => _inbox;

    ConnectionLoop? ILinkedItem<ConnectionLoop>.Next { get; set; }

    ConnectionLoop? ILinkedItem<ConnectionLoop>.Previous { get; set; }

    /// <summary>The connection's place. Freed when the connection has ended, or slightly earlier.</summary>
    public ConnectionPlace Place { get; }

    /// <summary>
    /// The bytes that the connection holds while it waits; 0 while it runs. See <see cref="BufferBudget"/>.
    /// </summary>
    public int HeldBytes => Volatile.Read(ref _heldBytes);

    public CloseReason CloseReason => _inbox.CloseReason;

    /// <summary>True while a <see cref="LineHandler"/> handles the only line that it may.</summary>
    public bool IsHandlingLine { get; set; }

    /// <summary>Where an asynchronous handler stages its replies.</summary>
    public ReplyBuffer Replies => _replies ??= new ReplyBuffer(Endpoint.Format.Delimiter);

    /// <summary>For the parts of the loop, on its thread.</summary>
    public ref Deadlines Deadlines => ref _deadlines;

    /// <inheritdoc cref="Deadlines"/>
    public ref ReadInProgress Read => ref _read;

    /// <summary>
    /// The bytes that an asynchronous handler has staged and the loop has not moved to the output.
    /// </summary>
    public int StagedReplies => _replies?.Staged ?? 0;

    /// <summary>Resumes the handler on its event loop after an await; null on the thread pool.</summary>
    public HandlerContext? Context => _handler.Context;

    /// <summary>The bytes of replies that are not sent yet.</summary>
    public int StagedBytes => StagedReplies + _output.Staged;

    /// <summary>The bytes held for the lines that are pending at once.</summary>
    public int PendingBytes => Endpoint.Budget is null || !HasPendingLines ? 0 : Concurrent.HeldBytes;

    /// <summary>Until when the handler that is to be awaited has time.</summary>
    public long HandlerDeadline => HasPendingLines ? Concurrent.Deadline : Table.DeadlineAfter(Endpoint.Limits.HandlerTimeout);

    /// <summary>True if the handler of a line has ended.</summary>
    public bool HasEnded(ValueTask task) => _inbox.HasEnded(task);

    /// <summary>True if several lines may be pending at once.</summary>
    public bool IsConcurrent => Concurrent is not null;

    /// <summary>True if there is something to send.</summary>
    public bool HasToSend => StagedBytes > 0 || _inbox.HasMail || HasWake;

    /// <summary>True if the handler is to be woken, and may be now: no reply to a line is sent in part.</summary>
    public bool HasWake => _inbox.IsWoken && MayWake;

    /// <summary>The endpoint's handlers run on the thread pool now, and this connection began on its loop.</summary>
    public bool MustMove => Context is not null && !Endpoint.RunsOnLoop;

    private ConnectionTable Table => Endpoint.Connections;

    private ConcurrentHandler? Concurrent => _handler.Concurrent;

    [MemberNotNullWhen(true, nameof(Concurrent))]
    private bool HasPendingLines => Concurrent is { HasPending: true };

    private bool MayWake => _hasGreeted && _replies is not { HasBegun: true } && _inbox.State < ConnectionState.Lost;

    private bool IsClosing => _inbox.State >= ConnectionState.Closing;

    /// <summary>
    /// Serves the connection, which is in the table already, until it has ended and left the table. An error
    /// of the handler or the transport sets the close reason and is logged; it does not fault the task.
    /// </summary>
    public async Task RunAsync()
    {
        Endpoint.Metrics.ConnectionOpened();
        try
        {
            try
            {
                bool goesOn = await ConnectAsync();
                while (goesOn && !IsClosing && await SendRepliesAsync() && _inbox.State == ConnectionState.Open)
                {
                    TransportRead read;
                    try
                    {
                        // Awaited here, because a method of its own would allocate its state for every read
                        // that has to wait. ConfigureAwait saves two look-ups per read for a context that we
                        // do not use.
                        read = new TransportRead(await BeginRead().ConfigureAwait(false));
                    }
                    catch (Exception e)
                    {
                        read = TransportRead.Lost(e);
                    }

                    if (HasPendingLines)
                    {
                        _inbox.PendingHandler.EndReading();
                    }

                    if (MustMove)
                    {
                        await HandlerInUse.MoveToThreadPoolAsync();
                    }

                    Hold(0);
                    _deadlines.EndWatchRead(Table);
                    goesOn = await HandleAsync(read);
                }

                if (goesOn && _inbox.State == ConnectionState.Draining)
                {
                    goesOn = TryReadLast(out TransportRead last) && await HandleAsync(last);
                    _inbox.RequestClose(CloseReason.Drain);
                }
            }
            catch (Exception e)
            {
                OnHandlerFailed(e);
            }

            while (HasPendingLines)
            {
                await JoinLineAsync();
            }

            await CloseAsync();
        }
        catch (Exception e)
        {
            Endpoint.Log.Fault(e, "closing a connection");
        }
        finally
        {
            Hold(0);
            Table.Remove(this);
            Endpoint.Metrics.ConnectionClosed(_inbox.CloseReason);
            Endpoint.Log.ConnectionEnded(_inbox, _inbox.CloseReason);
            Place.OnLoopEnded();
        }
    }

    /// <summary>Code of the handler has run in its context.</summary>
    void IThreadPoolWorkItem.Execute() => _inbox.OnHandlerRan();

    /// <summary>
    /// Begins an orderly close; the first close reason wins. This and the next five members are thread-safe.
    /// </summary>
    public void RequestClose(CloseReason reason) => _inbox.RequestClose(reason);

    /// <summary>Closes immediately.</summary>
    public void Abort(CloseReason reason) => _inbox.Abort(reason);

    /// <summary>
    /// Handles what was received, then closes in order; <see cref="LineLimits.DrainTimeout"/> starts now. For a
    /// host that tells each connection, as Kestrel does.
    /// </summary>
    public void BeginDrain() => _inbox.BeginDrain(Table.DeadlineAfter(Endpoint.Limits.DrainTimeout));

    /// <summary>The same, for a host that watches the time of the drain itself.</summary>
    public void BeginUntimedDrain() => _inbox.BeginDrain(deadline: long.MaxValue);

    /// <summary>
    /// True if the drain deadline has passed at <paramref name="now"/>, on the table's clock.
    /// </summary>
    public bool IsDrainLate(long now) => _inbox.IsDrainLate(now);

    /// <summary>The server stops waiting for the drain.</summary>
    public void AbortDrain() => _inbox.AbortDrain();

    /// <summary>
    /// True if the current wait has passed its deadline at <paramref name="now"/>, on the table's clock.
    /// Thread-safe.
    /// </summary>
    public bool IsLate(long now) => _deadlines.IsLate(now);

    /// <summary>
    /// Ends a wait that has passed its deadline, unless it has just completed. Thread-safe.
    /// </summary>
    public void OnLate()
    {
        switch (_deadlines.TakeLate(Table.Now))
        {
            case Wait.Line:
                RequestClose(CloseReason.LineTimeout);
                break;
            case Wait.FirstLine:
                RequestClose(CloseReason.FirstLineTimeout);
                break;
            case Wait.Idle:
                RequestClose(CloseReason.IdleTimeout);
                break;
            case Wait.Send:
                Abort(CloseReason.SendTimeout);
                break;
            case Wait.Handler:
                Abort(CloseReason.HandlerTimeout);
                break;
        }
    }

    /// <summary>For the inbox: the pending read, or else the next one, returns at once.</summary>
    public void CancelRead() => _input.CancelPendingRead();

    /// <summary>For the inbox: the handler gets no further line.</summary>
    public void EndBatches() => _output.EndBatches();

    /// <summary>For the close and for payloads: a read that returns errors as values.</summary>
    public async ValueTask<TransportRead> ReadAsync()
    {
        try
        {
            return new TransportRead(await _input.ReadAsync(CancellationToken.None));
        }
        catch (Exception e)
        {
            return TransportRead.Lost(e);
        }
    }

    /// <summary>The transport reports that nothing can be sent anymore.</summary>
    public void LosePeer(Exception? error = null, CloseReason reason = CloseReason.PeerReset)
    {
        _inbox.Lose(error is ConnectionAbortedException ? CloseReason.Aborted : reason);
        if (error is not null)
        {
            Endpoint.Log.ConnectionLost(error, _inbox);
        }
    }

    /// <summary>For a batch handler: takes a payload, or makes the next batch wait for it.</summary>
    public bool TryReadPayload(int count, out ReadOnlySequence<byte> payload)
    {
        ThrowIfNoPayload(count);
        if (TryTakePayload(count, out payload))
        {
            return true;
        }

        _read.NeedPayload(count);
        return false;
    }

    /// <summary>
    /// For a handler that has a line, and so the open read: takes a payload if all of it has arrived.
    /// </summary>
    public bool TryTakePayload(int count, out ReadOnlySequence<byte> payload)
    {
        if (!_read.IsOpen)
        {
            throw new OperationCanceledException("The connection is being closed.");
        }

        if (_read.TryTakePayload(count, out payload))
        {
            _deadlines.EndPayload();
            return true;
        }

        return false;
    }

    public void ThrowIfNoPayload(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Endpoint.Limits.MaxReadBufferSize);
    }

    /// <summary>For <see cref="PerLineHandler"/>: the handler is about to get a line.</summary>
    public void BeginLine()
    {
        IsHandlingLine = true;
        WatchHandler();
    }

    /// <summary>For <see cref="PerLineHandler"/>: the handler completed the line synchronously.</summary>
    public void EndLine()
    {
        IsHandlingLine = false;
        _inbox.DropRequest();
        _replies!.FinishTo(_output);
    }

    private ValueTask<bool> ConnectAsync()
    {
        LineHandlerBase handler = _handler.Create(this, _inbox, _output);
        _isConnected = true;
        if (Endpoint.Handlers.Greets(handler))
        {
            return GreetAsync();
        }

        _hasGreeted = true;
        _deadlines.BeginFirstLine(Table, Endpoint.Limits);
        return new ValueTask<bool>(true);
    }

    private async ValueTask<bool> GreetAsync()
    {
        try
        {
            WatchHandler();
            ValueTask connected = _handler.Call(this, static loop => loop._handler.Handler!.OnConnectedAsync(loop.Replies, loop._inbox.Aborted));
            if (connected.IsCompletedSuccessfully)
            {
                connected.GetAwaiter().GetResult();
            }
            else
            {
                await _inbox.PendingHandler.JoinAsync(connected);
            }

            Replies.FinishTo(_output);
        }
        finally
        {
            _deadlines.EndWatch();
            Replies.Release();
        }

        if (_handler.Handler is not PerLineHandler)
        {
            _replies = null;
        }

        _hasGreeted = true;
        _deadlines.BeginFirstLine(Table, Endpoint.Limits);
        return true;
    }

    private ValueTask<ReadResult> BeginRead()
    {
        if (HasPendingLines)
        {
            _inbox.PendingHandler.WatchWhileReading(Concurrent.First);
        }

        ValueTask<ReadResult> read = _input.ReadAsync(CancellationToken.None);
        if (!read.IsCompleted)
        {
            BeginReadWait();
        }

        return read;
    }

    private void BeginReadWait()
    {
        if (HasPendingLines)
        {
            // A line that has ended during a long flush is about to wake the read.
            long deadline = HasEnded(Concurrent.First) ? long.MaxValue : Concurrent.Deadline;
            _deadlines.WatchRead(Table, Endpoint.Limits, _read.IsWithinLine, deadline);
            Hold(_read.HeldBytes + PendingBytes);
            return;
        }

        Concurrent?.Rest();
        _deadlines.WatchRead(Table, Endpoint.Limits, _read.IsWithinLine);
        Hold(_read.HeldBytes);
    }

    /// <summary>
    /// For a drain: one more read, if it completes at once. Data still in the kernel counts as not received.
    /// </summary>
    public bool TryReadLast(out TransportRead last)
    {
        try
        {
            bool isThere = _input.TryRead(out ReadResult read);
            last = isThere ? new TransportRead(read) : default;
            return isThere;
        }
        catch (Exception e)
        {
            last = TransportRead.Lost(e);
            return true;
        }
    }

    /// <summary>Handles a read. Returns false if it was the last.</summary>
    /// <remarks>
    /// Usually the handler completes synchronously. That path avoids async methods, each of which costs some
    /// 20 ns per read.
    /// </remarks>
    private ValueTask<bool> HandleAsync(in TransportRead read)
    {
        ReadInProgress.Arrival arrival = Begin(read);
        if (arrival != ReadInProgress.Arrival.Lines)
        {
            return new ValueTask<bool>(arrival == ReadInProgress.Arrival.Nothing || OnEndOfStream());
        }

        bool isWaiting = false;
        try
        {
            ValueTask batches = GiveBatchesAsync();
            isWaiting = !batches.IsCompletedSuccessfully;
            if (isWaiting)
            {
                return EndHandlingAsync(batches);
            }

            batches.GetAwaiter().GetResult();
        }
        finally
        {
            if (!isWaiting)
            {
                EndHandling();
            }
        }

        return new ValueTask<bool>(GoesOn());
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> EndHandlingAsync(ValueTask batches)
    {
        try
        {
            await batches;
        }
        finally
        {
            EndHandling();
        }

        return GoesOn();
    }

    private void EndHandling()
    {
        _deadlines.EndWatch();
        EndRead();
        if (_replies is not null && !IsConcurrent)
        {
            // A handler may have staged replies and then thrown before it awaited.
            _replies.FinishTo(_output);
            _replies.Release();
        }
    }

    private bool GoesOn()
    {
        if (_read.Lines.IsOversize)
        {
            RequestClose(CloseReason.LineTooLong);
        }
        else if (_read.Lines.IsMalformed)
        {
            RequestClose(CloseReason.FramingError);
        }

        return !_read.IsLast || OnEndOfStream();
    }

    /// <summary>Handles the end of the stream. Always returns false.</summary>
    public bool OnEndOfStream()
    {
        if (_read.EndsUnfinished)
        {
            Endpoint.Metrics.IncompleteLine();
            if (_read.Lines.IncompleteLength == 0 || Endpoint.Format.IncompleteLineBehavior == IncompleteLineBehavior.Discard)
            {
                Endpoint.Log.LineUnterminated(_inbox);
            }

            _read.NeedPayload(0);
        }

        // Sets only the reason: the replies are sent before the close and our FIN.
        _inbox.SetCloseReason(CloseReason.PeerClosed);
        return false;
    }

    private ValueTask GiveBatchesAsync()
    {
        if (IsClosing)
        {
            return default;
        }

        int takenBefore = _read.Lines.LinesTaken;
        ValueTask task = GiveBatch();
        if (!HasSucceeded(task) || !_read.IsExhausted)
        {
            return GiveOnAsync(task, takenBefore);
        }

        TakeResult(task);
        return default;
    }

    /// <summary>Takes the result of a task that <see cref="HasEnded"/>, which may be used again from then on.</summary>
    [SuppressMessage("Usage", "VSTHRD002", Justification = "It has ended.")]
    public void TakeResult(ValueTask task)
    {
        _inbox.Forget(task);
        task.GetAwaiter().GetResult();
    }

    private bool HasSucceeded(ValueTask task) => task.IsCompletedSuccessfully && HasEnded(task);

    /// <summary>True if the handler may get more of the batch before anything else is done for the connection.</summary>
    public bool MayGoOn =>
        _read.IsOpen && !_read.IsExhausted && StagedBytes < LargestLaterSend && _inbox.State == ConnectionState.Open && !MustMove;

    /// <summary>Gives the rest of the batch to the handler, which has just ended. Does not throw.</summary>
    public ValueTask GoOn()
    {
        if (!TryMoveReplies())
        {
            return default;
        }

        IsHandlingLine = false;
        try
        {
            return GiveBatch();
        }
        catch (Exception e)
        {
            return ValueTask.FromException(e);
        }
    }

    private ValueTask GiveBatch()
    {
        _read.BeginCall();
        WatchHandler();
        return Context is null
            ? _handler.Handler!.OnBatch(new LineBatch(this, _read.Lines, _output))
            : _handler.Call(this, static loop => loop._handler.Handler!.OnBatch(new LineBatch(loop, loop._read.Lines, loop._output)));
    }

    /// <summary>The handler is pending, or left lines: sends its replies and calls it again.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask GiveOnAsync(ValueTask task, int takenBefore)
    {
        int idleCalls = 0;
        while (true)
        {
            bool waited = !HasSucceeded(task);
            if (waited)
            {
                await _inbox.PendingHandler.JoinAsync(task);
            }
            else
            {
                TakeResult(task);
                _deadlines.EndWatch();
                if (_read.IsExhausted)
                {
                    return;
                }
            }

            bool progressed = waited || IsConcurrent || _read.PayloadTaken || _output.Staged > 0 || _read.Lines.LinesTaken > takenBefore;
            // Replies leave with those to the next lines, unless the handler awaits again: PendingHandler.
            bool sendsLater = waited && !_read.IsExhausted && _output.Staged < LargestLaterSend;
            if ((!sendsLater && !await SendAsync()) || IsClosing)
            {
                return;
            }

            idleCalls = progressed ? 0 : idleCalls + 1;
            if (idleCalls > MostIdleCalls)
            {
                throw new InvalidOperationException($"{_handler.Handler!.GetType()} took no line, staged nothing, and waits for nothing: it would be called again for ever.");
            }

            if (MustMove)
            {
                await HandlerInUse.MoveToThreadPoolAsync();
            }
            else if (waited && _inbox.PendingHandler.HasLoop)
            {
                _handler.UseContext(this, _inbox);
            }

            takenBefore = _read.Lines.LinesTaken;
            task = GiveBatch();
        }
    }

    /// <summary>Examines the result of a read.</summary>
    public ReadInProgress.Arrival Begin(in TransportRead read)
    {
        if (read.Error is null)
        {
            return _read.Begin(read, _input);
        }

        LosePeer(read.Error);
        return ReadInProgress.Arrival.Nothing;
    }

    public void EndRead()
    {
        if (!_read.IsOpen)
        {
            return;
        }

        ReadInProgress.Ended ended = _read.End(_input);
        if (ended.EndedLine)
        {
            _deadlines.EndLine();
        }

        Endpoint.Metrics.LinesGiven(ended.LinesTaken);
        if (ended.OversizeLines > 0)
        {
            Endpoint.Metrics.OversizeLines(ended.OversizeLines);
            Endpoint.Log.LineTooLong(
                _inbox, Endpoint.Limits.MaxLineSize, _read.Lines.LastOversizeLine, Endpoint.Format.OversizeLineBehavior);
        }

        if (ended.IsMalformed)
        {
            Endpoint.Metrics.MalformedLine();
            Endpoint.Log.LineMalformed(_inbox, _read.Lines.MalformedPrefix.Span);
        }
    }

    /// <summary>Moves the replies to the current line to the output.</summary>
    public void MoveReplies(bool hasEnded, bool isHandlerWaiting)
    {
        if (hasEnded)
        {
            _replies?.FinishTo(_output);
        }
        else
        {
            _replies?.MoveTo(_output, isHandlerWaiting);
        }
    }

    /// <summary>Moves the replies to a line that has ended to the output. Returns false if the connection failed.</summary>
    public bool TryMoveReplies()
    {
        try
        {
            MoveReplies(hasEnded: true, isHandlerWaiting: false);
            return true;
        }
        catch (Exception e)
        {
            OnOutputFailed(e);
            return false;
        }
    }

    /// <summary>While the handler is pending: who learns that it stages a reply; null for nobody.</summary>
    public void WatchReplies(PendingHandler? watcher)
    {
        if (_replies is not null)
        {
            _replies.Watcher = watcher;
        }
    }

    /// <summary>The first of the pending lines changes: its replies are the next to be sent.</summary>
    public void UseReplies(ReplyBuffer? replies)
    {
        WatchReplies(null);
        _replies = replies;
    }

    private ValueTask<bool> SendRepliesAsync()
    {
        if (HasPendingLines)
        {
            Concurrent.TakeEnded();
            StageWake();
            MoveReplies(hasEnded: false, isHandlerWaiting: false);
        }

        return SendAsync();
    }

    /// <summary>
    /// No further line is read: waits for the handler of the first that is pending. It does not throw.
    /// </summary>
    private async Task JoinLineAsync()
    {
        try
        {
            await _inbox.PendingHandler.JoinAsync(Concurrent!.BeginJoin());
            Concurrent.TakeEnded();
        }
        catch (Exception e)
        {
            OnHandlerFailed(e);
        }
    }

    /// <summary>Calls the handler if it is to be woken, and may be now.</summary>
    public void StageWake()
    {
        if (HasWake && _inbox.TryTakeWake())
        {
            WakeHandler();
        }
    }

    /// <summary>The same for the last time.</summary>
    public void StageLastWake()
    {
        if (_inbox.EndWakes() && MayWake)
        {
            WakeHandler();
        }
    }

    private void WakeHandler()
    {
        try
        {
            _handler.Run(this, static loop => loop._handler.Handler!.OnWake(loop._output));
        }
        catch (Exception e)
        {
            _inbox.EndWakes();
            RequestClose(CloseReason.HandlerError);
            Endpoint.Log.HandlerFailed(e, _inbox, nameof(LineHandlerBase.OnWake));
        }
    }

    /// <summary>
    /// Sends a wake-up's lines, pushed lines and staged replies. Returns false if nothing can be sent anymore.
    /// </summary>
    public ValueTask<bool> SendAsync()
    {
        StageWake();
        try
        {
            _inbox.StageMail(_output);
        }
        catch (Exception e)
        {
            OnOutputFailed(e);
            return new ValueTask<bool>(false);
        }

        return _output.Staged > 0 ? FlushAsync() : new ValueTask<bool>(true);
    }

    /// <summary>Flushes staged bytes to the transport. Returns false if the client is gone.</summary>
    public ValueTask<bool> FlushAsync()
    {
        ValueTask<FlushResult> flush;
        int staged = _output.Staged;
        try
        {
            flush = _output.FlushAsync();
        }
        catch (Exception e)
        {
            LosePeerInFlush(e);
            return new ValueTask<bool>(false);
        }

        return flush.IsCompletedSuccessfully ? new ValueTask<bool>(WasFlushed(flush.Result)) : EndFlushAsync(flush, staged);
    }

    private async ValueTask<bool> EndFlushAsync(ValueTask<FlushResult> flush, int staged)
    {
        Hold(_read.HeldBytes + staged + PendingBytes);
        _deadlines.Watch(Wait.Send, Table.DeadlineAfter(Endpoint.Limits.SendTimeout));
        try
        {
            return WasFlushed(await flush);
        }
        catch (Exception e)
        {
            LosePeerInFlush(e);
            return false;
        }
        finally
        {
            Hold(0);
            _deadlines.EndWatch();
        }
    }

    /// <summary>
    /// Charges the buffer budget: before a wait with the bytes held meanwhile, after it with 0.
    /// </summary>
    public void Hold(int bytes)
    {
        int more = bytes - _heldBytes;
        if (more == 0 || Endpoint.Budget is not { } budget)
        {
            return;
        }

        Volatile.Write(ref _heldBytes, bytes);
        // Once: an abort wakes the wait that is about to begin, which would then never wait.
        if (!budget.Charge(more) && _inbox.State < ConnectionState.Lost)
        {
            Abort(CloseReason.BufferLimit);
        }
    }

    // TCP_USER_TIMEOUT is SendTimeout too, and may strike before our own deadline.
    private void LosePeerInFlush(Exception error) =>
        LosePeer(error, (error as SocketException ?? error.InnerException) is SocketException { SocketErrorCode: SocketError.TimedOut }
            ? CloseReason.SendTimeout
            : CloseReason.PeerReset);

    private bool WasFlushed(FlushResult result)
    {
        if (!result.IsCompleted && _inbox.State < ConnectionState.Lost)
        {
            return true;
        }

        LosePeer();
        return false;
    }

    /// <summary>The time of the handler begins.</summary>
    public void WatchHandler()
    {
        if (Endpoint.HasHandlerTimeout)
        {
            _deadlines.Watch(Wait.Handler, Table.DeadlineAfter(Endpoint.Limits.HandlerTimeout));
        }
    }

    /// <summary>Staging failed. The output may be cut anywhere, so the connection is reset.</summary>
    public void OnOutputFailed(Exception error)
    {
        Endpoint.Log.ConnectionLost(error, _inbox);
        Abort(CloseReason.Aborted);
    }

    private void OnHandlerFailed(Exception error)
    {
        // A handler that is cancelled, or whose client ends within a payload, has not failed.
        bool endsAnyway = _inbox.CloseReason != CloseReason.None && error is OperationCanceledException or EndOfStreamException;
        Concurrent?.Fail();
        RequestClose(CloseReason.HandlerError);
        if (!endsAnyway)
        {
            Endpoint.Log.HandlerFailed(error, _inbox, "the handler");
        }
    }

    /// <summary>
    /// Closes the transport, then tells and disposes the handler. A step that fails does not prevent the
    /// next.
    /// </summary>
    private async Task CloseAsync()
    {
        if (MustMove)
        {
            await HandlerInUse.MoveToThreadPoolAsync();
        }

        IsHandlingLine = false;
        Concurrent?.Rest();
        _inbox.DropRequest();
        _deadlines.EndWatch();
        bool isPending = AwaitsEnd && !await EndLinesAsync();
        await new OrderlyClose(this, _inbox, _input, _output, _read.IsLast).RunAsync(_handler.Handler);
        if (isPending)
        {
            await JoinLateAsync();
        }

        _deadlines.EndWatch();
        _inbox.End();
        try
        {
            if (_isConnected)
            {
                await _handler.Call(this, static loop => loop._handler.Handler!.OnDisconnectedAsync(loop._inbox.CloseReason));
            }
        }
        catch (Exception e)
        {
            Endpoint.Log.HandlerFailed(e, _inbox, nameof(LineHandlerBase.OnDisconnectedAsync));
        }

        if (_handler.HasToBeDisposed)
        {
            await _handler.Call(this, static loop => loop._handler.DisposeAsync(loop.Endpoint.Log, loop._inbox));
        }
    }

    private bool AwaitsEnd => _hasGreeted && _inbox.State < ConnectionState.Lost && Endpoint.Handlers.AwaitsEnd(_handler.Handler!.Made);

    /// <summary>
    /// Every line has been handled, and something can be sent: waits for the handler's own end, and sends what it stages
    /// meanwhile. Returns false if the connection was lost first, and <see cref="JoinLateAsync"/> must follow.
    /// </summary>
    private async ValueTask<bool> EndLinesAsync()
    {
        bool hasEnded = true;
        try
        {
            WatchHandler();
            ValueTask ended = _handler.Call(
                this, static loop => loop._handler.Handler!.OnLinesEndedAsync(loop._inbox.CloseReason, loop._inbox.Aborted));
            if (ended.IsCompletedSuccessfully)
            {
                ended.GetAwaiter().GetResult();
            }
            else
            {
                hasEnded = await _inbox.PendingHandler.JoinAsync(ended, untilLost: true);
            }
        }
        catch (Exception e)
        {
            OnEndFailed(e);
        }

        _deadlines.EndWatch();
        if (MustMove)
        {
            await HandlerInUse.MoveToThreadPoolAsync();
        }

        return hasEnded;
    }

    private async ValueTask JoinLateAsync()
    {
        try
        {
            await _inbox.PendingHandler.JoinLateAsync();
        }
        catch (Exception e)
        {
            OnEndFailed(e);
        }

        if (MustMove)
        {
            await HandlerInUse.MoveToThreadPoolAsync();
        }
    }

    private void OnEndFailed(Exception error)
    {
        if (error is not OperationCanceledException || _inbox.State < ConnectionState.Lost)
        {
            Endpoint.Log.HandlerFailed(error, _inbox, nameof(LineHandlerBase.OnLinesEndedAsync));
        }
    }
}
