using System.Buffers;
using System.IO.Pipelines;
using LineServer.Connections;
using LineServer.Framing;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Internal;

/// <summary>
/// One connection, from accept to close: read, give the lines to the handler, flush, read again. The loop alone touches the connection's
/// reader and writer, and it alone writes the fields here; what others ask of the connection goes through its <see cref="Inbox"/>.
/// </summary>
internal sealed class ConnectionLoop
{
    private readonly Inbox _inbox;
    private readonly PipeReader _input;
    private readonly TransportOutput _output;
    private LineBatchHandler? _handler;
    private IServiceScope? _scope;
    private ReplyBuffer? _replies;
    private ReadInProgress _read;
    private Deadlines _deadlines = new();
    private bool _isConnected;
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

    /// <summary>The connection, as its handler and others see it.</summary>
    public LineConnection Connection => _inbox;

    /// <summary>Links of the table's list; under its lock.</summary>
    public ConnectionLoop? Next { get; set; }

    /// <inheritdoc cref="Next"/>
    public ConnectionLoop? Previous { get; set; }

    /// <summary>Freed when the connection has ended, or a little earlier.</summary>
    public ConnectionPlace Place { get; }

    /// <summary>Bytes that the connection holds while it waits; 0 while it does not: see <see cref="BufferBudget"/>.</summary>
    public int HeldBytes => Volatile.Read(ref _heldBytes);

    public CloseReason CloseReason => _inbox.CloseReason;

    /// <summary>True while a <see cref="LineHandler"/> has a line.</summary>
    public bool IsHandlingLine { get; private set; }

    /// <summary>Where an asynchronous handler stages its replies.</summary>
    public ReplyBuffer Replies => _replies ??= new ReplyBuffer(Endpoint.Format.Delimiter);

    private ConnectionTable Table => Endpoint.Connections;

    /// <summary>
    /// Serves the connection, which is in the table, until it has ended and left the table. Never throws: what went wrong is the close
    /// reason, and in the log.
    /// </summary>
    public async Task RunAsync()
    {
        Endpoint.Metrics.ConnectionOpened();
        try
        {
            try
            {
                bool goesOn = await ConnectAsync();
                while (goesOn && await IsReadyToReadAsync())
                {
                    TransportRead read;
                    try
                    {
                        // Awaited here: in a method of its own, every read that has to wait would allocate that method's state. No
                        // context is wanted here, and to ask for it takes two look-ups a read.
                        read = new TransportRead(await BeginRead().ConfigureAwait(false));
                    }
#pragma warning disable CA1031 // Whatever a transport throws: it is a value from here on.
                    catch (Exception e)
#pragma warning restore CA1031
                    {
                        read = TransportRead.Lost(e);
                    }

                    Hold(0);
                    _deadlines.EndWatchRead(Table);
                    goesOn = await HandleAsync(read);
                }

                if (goesOn && _inbox.State == ConnectionState.Draining)
                {
                    await HandleLastAsync();
                    _inbox.RequestClose(CloseReason.Drain);
                }
            }
#pragma warning disable CA1031 // Whatever a handler throws ends its connection, and no other.
            catch (Exception e)
#pragma warning restore CA1031
            {
                OnHandlerFailed(e);
            }

            await CloseAsync();
        }
#pragma warning disable CA1031 // No memory is left, or the code here has a fault: one connection ends.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Endpoint.Log.Fault(e, "closing a connection");
        }
        finally
        {
            Hold(0);
            Table.Remove(this);
            Place.Free();
            Endpoint.Metrics.ConnectionClosed(_inbox.CloseReason);
            Endpoint.Log.ConnectionEnded(_inbox, _inbox.CloseReason);
        }
    }

    /// <summary>Closes in order, for this reason unless there is one already. From any thread, as the four below.</summary>
    public void RequestClose(CloseReason reason) => _inbox.RequestClose(reason);

    /// <summary>Closes now.</summary>
    public void Abort(CloseReason reason) => _inbox.Abort(reason);

    /// <summary>Handles what was received, then closes in order; <see cref="LineLimits.DrainTimeout"/> begins.</summary>
    public void BeginDrain() => _inbox.BeginDrain(Table.DeadlineAfter(Endpoint.Limits.DrainTimeout));

    /// <summary>True if the connection should have been drained by <paramref name="now"/>, on the table's clock.</summary>
    public bool IsDrainLate(long now) => _inbox.IsDrainLate(now);

    /// <summary>The server waits no longer for the drain.</summary>
    public void AbortDrain() => _inbox.AbortDrain();

    /// <summary>True if a wait has lasted too long at <paramref name="now"/>, on the table's clock. From any thread.</summary>
    public bool IsLate(long now) => _deadlines.IsLate(now);

    /// <summary>Ends a wait that has lasted too long, unless it has just ended by itself. From any thread.</summary>
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

    /// <summary>For the inbox: a read that waits, or else the next one, returns at once.</summary>
    public void CancelRead() => _input.CancelPendingRead();

    /// <summary>For the inbox: the handler gets no further line.</summary>
    public void EndBatches() => _output.EndBatches();

    /// <summary>For the close, and for payloads: a read whose errors are values.</summary>
    public async ValueTask<TransportRead> ReadAsync()
    {
        try
        {
            return new TransportRead(await _input.ReadAsync(CancellationToken.None));
        }
#pragma warning disable CA1031 // As in RunAsync.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return TransportRead.Lost(e);
        }
    }

    /// <summary>The transport says that nothing can be sent any more.</summary>
    public void LosePeer(Exception? error = null)
    {
        _inbox.Lose(error is ConnectionAbortedException ? CloseReason.Aborted : CloseReason.PeerReset);
        if (error is not null)
        {
            Endpoint.Log.ConnectionLost(error, _inbox);
        }
    }

    /// <summary>For a batch handler: takes bytes that are no lines, or has them waited for.</summary>
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

    /// <summary>For a handler, to which the read is lent while it has a line: takes bytes that are no lines, if that many have come.</summary>
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

    /// <summary>For <see cref="PerLineHandler"/>: the handler gets a line.</summary>
    public void BeginLine()
    {
        IsHandlingLine = true;
        WatchHandler();
    }

    /// <summary>For <see cref="PerLineHandler"/>: the line was handled without waiting.</summary>
    public void EndLine()
    {
        IsHandlingLine = false;
        _replies!.FinishTo(_output);
    }

    private ValueTask<bool> ConnectAsync()
    {
        LineHandlerBase handler = Endpoint.Handlers.Make(ref _scope);
        _handler = handler as LineBatchHandler ?? new PerLineHandler((LineHandler)handler);
        _handler.Attach(_inbox);
        Endpoint.StartsInline = _handler.NeverBlocks;
        if (_handler.NeverBlocks && _inbox.Features.Get<IEventLoopFeature>() is { } eventLoop)
        {
            eventLoop.RunsInline = true;
            eventLoop.Handler = Endpoint;
        }

        _isConnected = true;
        if (Endpoint.Handlers.Greets(handler))
        {
            return GreetAsync();
        }

        _deadlines.BeginFirstLine(Table, Endpoint.Limits);
        return new ValueTask<bool>(true);
    }

    private async ValueTask<bool> GreetAsync()
    {
        try
        {
            WatchHandler();
            ValueTask connected = _handler!.OnConnectedAsync(Replies, _inbox.Aborted);
            if (connected.IsCompletedSuccessfully)
            {
                connected.GetAwaiter().GetResult();
            }
            else
            {
                await JoinHandlerAsync(connected);
            }

            Replies.FinishTo(_output);
        }
        finally
        {
            _deadlines.EndWatch();
            Replies.Release();
        }

        if (_handler is not PerLineHandler)
        {
            _replies = null;
        }

        _deadlines.BeginFirstLine(Table, Endpoint.Limits);
        return true;
    }

    /// <summary>Sends what was staged and pushed. False: nothing is to be waited for any more.</summary>
    private ValueTask<bool> IsReadyToReadAsync()
    {
        // A connection that is closing sends what is staged together with its last line.
        if (IsClosing || !TryStageMail())
        {
            return new ValueTask<bool>(false);
        }

        if (_output.Staged > 0)
        {
            ValueTask<bool> flush = FlushAsync();
            if (!flush.IsCompletedSuccessfully)
            {
                return IsReadyAfterAsync(flush);
            }

            _ = flush.Result; // the state tells
        }

        return new ValueTask<bool>(_inbox.State == ConnectionState.Open);
    }

    private async ValueTask<bool> IsReadyAfterAsync(ValueTask<bool> flush) => await flush && _inbox.State == ConnectionState.Open;

    private ValueTask<ReadResult> BeginRead()
    {
        ValueTask<ReadResult> read = _input.ReadAsync(CancellationToken.None);
        if (!read.IsCompleted)
        {
            _deadlines.WatchRead(Table, Endpoint.Limits, _read.IsWithinLine);
            Hold(_read.Length);
        }

        return read;
    }

    /// <summary>For a drain: one more read if it is there at once; what the kernel has beyond that was not received.</summary>
    private ValueTask<bool> HandleLastAsync() => TryReadLast(out TransportRead last) ? HandleAsync(last) : new ValueTask<bool>(true);

    private bool TryReadLast(out TransportRead last)
    {
        try
        {
            bool isThere = _input.TryRead(out ReadResult read);
            last = isThere ? new TransportRead(read) : default;
            return isThere;
        }
#pragma warning disable CA1031 // As in RunAsync.
        catch (Exception e)
#pragma warning restore CA1031
        {
            last = TransportRead.Lost(e);
            return true;
        }
    }

    /// <summary>Handles what a read has brought. False: it was the last.</summary>
    /// <remarks>
    /// As a rule the handler does not wait: that way goes through no asynchronous method, each of which would cost some 20 ns a read.
    /// </remarks>
    private ValueTask<bool> HandleAsync(in TransportRead read)
    {
        ReadInProgress.Arrival arrival = Begin(read);
        if (arrival != ReadInProgress.Arrival.Lines)
        {
            return new ValueTask<bool>(arrival == ReadInProgress.Arrival.Nothing || OnEnd());
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
        if (_replies is not null)
        {
            // What a handler had staged that threw before it waited.
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

        return !_read.IsLast || OnEnd();
    }

    /// <summary>The stream has ended. Always false.</summary>
    private bool OnEnd()
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

        // The connection is not closed by this: the replies go first, and our FIN behind them.
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
        return task.IsCompletedSuccessfully && _read.IsExhausted ? default : GiveOnAsync(task, takenBefore);
    }

    private ValueTask GiveBatch()
    {
        _read.BeginCall();
        WatchHandler();
        return _handler!.OnBatch(new LineBatch(this, _read.Lines, _output));
    }

    private bool IsClosing => _inbox.State >= ConnectionState.Closing;

    /// <summary>The handler waits, or has not taken everything: its replies are sent, and it is called again.</summary>
    private async ValueTask GiveOnAsync(ValueTask task, int takenBefore)
    {
        while (true)
        {
            bool waited = !task.IsCompletedSuccessfully;
            if (waited)
            {
                await JoinHandlerAsync(task);
            }
            else
            {
                task.GetAwaiter().GetResult();
                _deadlines.EndWatch();
                if (_read.IsExhausted)
                {
                    return;
                }
            }

            bool progressed = waited || _read.PayloadTaken || _output.Staged > 0 || _read.Lines.LinesTaken > takenBefore;
            if (!TryStageMail() || (_output.Staged > 0 && !await FlushAsync()) || IsClosing)
            {
                return;
            }

            if (!progressed)
            {
                throw new InvalidOperationException($"{_handler!.GetType()} took no line, staged nothing, and waits for nothing: it would be called again for ever.");
            }

            takenBefore = _read.Lines.LinesTaken;
            task = GiveBatch();
        }
    }

    /// <summary>
    /// Waits until the handler has ended, whatever becomes of the connection. Meanwhile does what the handler, or anyone else, asks of the
    /// connection: send what was staged, push, flush, read a payload.
    /// </summary>
    private async ValueTask JoinHandlerAsync(ValueTask task)
    {
        HandlerWait wait = _inbox.HandlerWait;
        var handler = task.ConfigureAwait(false).GetAwaiter();
        handler.UnsafeOnCompleted(wait.SetAction);
        long deadline = Table.DeadlineAfter(Endpoint.Limits.HandlerTimeout);
        while (true)
        {
            // In this order: what the handler staged before it ended, or asked, is sent before it is answered.
            bool hasEnded = handler.IsCompleted;
            _deadlines.EndWatch();
            ValueTask serving = ServeAsync(wait.Take(), hasEnded);
            if (!serving.IsCompletedSuccessfully)
            {
                // The client is waited for: that time is not the handler's.
                long before = Table.Now;
                await serving;
                deadline = deadline == long.MaxValue ? deadline : deadline + (Table.Now - before);
            }

            if (hasEnded)
            {
                break;
            }

            _deadlines.Watch(Wait.Handler, deadline);
            Hold(_read.Length + (_replies?.Staged ?? 0));
            await wait.WaitAsync();
            Hold(0);
        }

        _deadlines.EndWatch();
        IsHandlingLine = false;
        handler.GetResult();
    }

    /// <summary>Sends what was staged, then serves the handler's request. Never throws: the handler must be joined.</summary>
    private async ValueTask ServeAsync(IHandlerRequest? request, bool hasEnded)
    {
        try
        {
            MoveReplies(isBetweenReplies: hasEnded || request is not null);
            if (TryStageMail() && _output.Staged > 0)
            {
                await FlushAsync();
            }

            if (_inbox.State >= ConnectionState.Lost || hasEnded)
            {
                request?.Cancel(_inbox.Aborted);
            }
            else if (request is PayloadRequest payload)
            {
                await ServePayloadAsync(payload);
            }
            else
            {
                (request as FlushRequest)?.TrySetResult();
            }
        }
#pragma warning disable CA1031 // Whatever a transport throws, or a lack of memory: this connection ends.
        catch (Exception e)
#pragma warning restore CA1031
        {
            OnOutputFailed(e);
            request?.Cancel(_inbox.Aborted);
        }
    }

    private async ValueTask ServePayloadAsync(PayloadRequest request)
    {
        ReadOnlySequence<byte> payload;
        while (!TryTakePayload(request.Count, out payload))
        {
            bool hasEnded = _read.IsLast;
            EndRead();
            switch (hasEnded ? ReadInProgress.Arrival.EndWithinPayload : await ReadMoreAsync(request.Count))
            {
                case ReadInProgress.Arrival.Nothing:
                    request.Cancel(_inbox.Aborted);
                    return;
                case ReadInProgress.Arrival.EndWithinPayload:
                    // Closed, whatever the handler makes of it: what has come of the payload must not be taken for lines.
                    _read.NeedPayload(request.Count);
                    OnEnd();
                    RequestClose(CloseReason.PeerClosed);
                    request.TrySetException(new EndOfStreamException($"The client ended the stream within a payload of {request.Count} bytes."));
                    return;
            }
        }

        request.TrySetResult(payload);
    }

    /// <summary>Reads until a payload has come whole, or will not; nothing: the connection is being closed.</summary>
    private async ValueTask<ReadInProgress.Arrival> ReadMoreAsync(int count)
    {
        _read.NeedPayload(count);
        while (_inbox.State == ConnectionState.Open)
        {
            if (!TryStageMail() || (_output.Staged > 0 && !await FlushAsync()))
            {
                return ReadInProgress.Arrival.Nothing;
            }

            _deadlines.WatchRead(Table, Endpoint.Limits, isWithinLine: true);
            Hold(_read.Length);
            TransportRead read = await ReadAsync();
            Hold(0);
            _deadlines.EndWatchRead(Table);
            if (Begin(read) is var arrival and not ReadInProgress.Arrival.Nothing)
            {
                return arrival;
            }
        }

        // A payload that has not come whole is like a line that has not: it was not received.
        ReadInProgress.Arrival last =
            _inbox.State == ConnectionState.Draining && TryReadLast(out TransportRead there) ? Begin(there) : ReadInProgress.Arrival.Nothing;
        if (last == ReadInProgress.Arrival.Nothing)
        {
            RequestClose(CloseReason.Drain);
        }

        return last;
    }

    private ReadInProgress.Arrival Begin(in TransportRead read)
    {
        if (read.Error is null)
        {
            return _read.Begin(read, _input);
        }

        LosePeer(read.Error);
        return ReadInProgress.Arrival.Nothing;
    }

    private void EndRead()
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
    }

    private void MoveReplies(bool isBetweenReplies)
    {
        if (isBetweenReplies)
        {
            _replies?.FinishTo(_output);
        }
        else
        {
            _replies?.MoveTo(_output);
        }
    }

    private bool TryStageMail()
    {
        try
        {
            _inbox.StageMail(_output);
            return true;
        }
#pragma warning disable CA1031 // Whatever a transport throws, or a lack of memory: this connection ends.
        catch (Exception e)
#pragma warning restore CA1031
        {
            OnOutputFailed(e);
            return false;
        }
    }

    /// <summary>Gives what is staged to the transport. False: the client is gone.</summary>
    private ValueTask<bool> FlushAsync()
    {
        ValueTask<FlushResult> flush;
        int staged = _output.Staged;
        try
        {
            flush = _output.FlushAsync();
        }
#pragma warning disable CA1031 // Whatever a transport throws: nothing can be sent any more.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LosePeer(e);
            return new ValueTask<bool>(false);
        }

        return flush.IsCompletedSuccessfully ? new ValueTask<bool>(WasFlushed(flush.Result)) : EndFlushAsync(flush, staged);
    }

    private async ValueTask<bool> EndFlushAsync(ValueTask<FlushResult> flush, int staged)
    {
        Hold(_read.Length + staged);
        _deadlines.Watch(Wait.Send, Table.DeadlineAfter(Endpoint.Limits.SendTimeout));
        try
        {
            return WasFlushed(await flush);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LosePeer(e);
            return false;
        }
        finally
        {
            Hold(0);
            _deadlines.EndWatch();
        }
    }

    // Before a wait: what the connection holds meanwhile. After it: nothing.
    private void Hold(int bytes)
    {
        int more = bytes - _heldBytes;
        if (more == 0 || Endpoint.Budget is not { } budget)
        {
            return;
        }

        Volatile.Write(ref _heldBytes, bytes);
        if (!budget.Charge(more))
        {
            Abort(CloseReason.BufferLimit);
        }
    }

    private bool WasFlushed(FlushResult result)
    {
        if (!result.IsCompleted && _inbox.State < ConnectionState.Lost)
        {
            return true;
        }

        LosePeer();
        return false;
    }

    private void WatchHandler()
    {
        if (Endpoint.HasHandlerTimeout)
        {
            _deadlines.Watch(Wait.Handler, Table.DeadlineAfter(Endpoint.Limits.HandlerTimeout));
        }
    }

    /// <summary>Staging failed: what the client has got may be cut anywhere, so the connection is reset.</summary>
    private void OnOutputFailed(Exception error)
    {
        Endpoint.Log.ConnectionLost(error, _inbox);
        Abort(CloseReason.Aborted);
    }

    private void OnHandlerFailed(Exception error)
    {
        // What a handler throws when it is cancelled, or its client ends within a payload, is no failure of the handler.
        bool endsAnyway = _inbox.CloseReason != CloseReason.None && error is OperationCanceledException or EndOfStreamException;
        RequestClose(CloseReason.HandlerError);
        if (!endsAnyway)
        {
            Endpoint.Log.HandlerFailed(error, _inbox, "the handler");
        }
    }

    /// <summary>The last line, the replies, FIN; then the handler is told, and disposed. No step that fails takes the next with it.</summary>
    private async Task CloseAsync()
    {
        IsHandlingLine = false;
        _deadlines.EndWatch();
        StageLastLine();
        try
        {
            if (_inbox.State < ConnectionState.Lost && await FlushAsync())
            {
                await new OrderlyClose(this, _inbox, _input, _output, _read.IsLast).RunAsync();
            }

            _output.Complete();
            await _input.CompleteAsync();
        }
#pragma warning disable CA1031 // Whatever a transport throws: it has ended.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LosePeer(e);
        }

        _deadlines.EndWatch();
        _inbox.End();
        try
        {
            if (_isConnected)
            {
                await _handler!.OnDisconnectedAsync(_inbox.CloseReason);
            }
        }
#pragma warning disable CA1031 // Whatever a handler throws: its connection has ended.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Endpoint.Log.HandlerFailed(e, _inbox, nameof(LineHandlerBase.OnDisconnectedAsync));
        }

        if (HandlerSource.HasToBeDisposed(_handler?.Made, _scope))
        {
            await HandlerSource.DisposeAsync(_handler?.Made, _scope, Endpoint.Log, _inbox);
        }
    }

    private void StageLastLine()
    {
        try
        {
            _inbox.BeginClose(_output);
        }
#pragma warning disable CA1031 // As in TryStageMail.
        catch (Exception e)
#pragma warning restore CA1031
        {
            OnOutputFailed(e);
        }

        try
        {
            if (_inbox.State < ConnectionState.Lost)
            {
                _handler?.OnClosing(_inbox.CloseReason, _output);
            }
        }
#pragma warning disable CA1031 // Whatever a handler throws: its connection is closed in order.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Endpoint.Log.HandlerFailed(e, _inbox, nameof(LineHandlerBase.OnClosing));
        }
    }
}
