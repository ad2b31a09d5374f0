using System.Buffers;
using System.Diagnostics.CodeAnalysis;
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
/// <remarks>
/// Its rooms: the read in progress, the deadlines, the output, a handler that is waited for (<see cref="PendingHandler"/>), and
/// the end (<see cref="OrderlyClose"/>).
/// </remarks>
[SuppressMessage("Design", "CA1031", Justification = "A connection ends alone, whatever a handler, a transport or a lack of memory throws.")]
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
    public bool IsHandlingLine { get; set; }

    /// <summary>Where an asynchronous handler stages its replies.</summary>
    public ReplyBuffer Replies => _replies ??= new ReplyBuffer(Endpoint.Format.Delimiter);

    /// <summary>For the rooms of the loop, on its thread.</summary>
    public ref Deadlines Deadlines => ref _deadlines;

    /// <inheritdoc cref="Deadlines"/>
    public ref ReadInProgress Read => ref _read;

    /// <summary>Bytes that an asynchronous handler has staged, and that the loop has not moved over.</summary>
    public int StagedReplies => _replies?.Staged ?? 0;

    private ConnectionTable Table => Endpoint.Connections;

    private bool IsClosing => _inbox.State >= ConnectionState.Closing;

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
                while (goesOn && !IsClosing && await SendAsync() && _inbox.State == ConnectionState.Open)
                {
                    TransportRead read;
                    try
                    {
                        // Awaited here: in a method of its own, every read that has to wait would allocate that method's state. No
                        // context is wanted here, and to ask for it takes two look-ups a read.
                        read = new TransportRead(await BeginRead().ConfigureAwait(false));
                    }
                    catch (Exception e)
                    {
                        read = TransportRead.Lost(e);
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
        catch (Exception e)
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
        _inbox.DropRequest();
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
                await _inbox.PendingHandler.JoinAsync(connected);
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

    /// <summary>Handles what a read has brought. False: it was the last.</summary>
    /// <remarks>
    /// As a rule the handler does not wait: that way goes through no asynchronous method, each of which would cost some 20 ns a read.
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

        return !_read.IsLast || OnEndOfStream();
    }

    /// <summary>The stream has ended. Always false.</summary>
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

    /// <summary>The handler waits, or has not taken everything: its replies are sent, and it is called again.</summary>
    private async ValueTask GiveOnAsync(ValueTask task, int takenBefore)
    {
        while (true)
        {
            bool waited = !task.IsCompletedSuccessfully;
            if (waited)
            {
                await _inbox.PendingHandler.JoinAsync(task);
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
            if (!await SendAsync() || IsClosing)
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

    /// <summary>Looks at what has come, or has not.</summary>
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
    }

    public void MoveReplies(bool isBetweenReplies)
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

    /// <summary>Sends what was pushed and staged. False: nothing can be sent any more.</summary>
    public ValueTask<bool> SendAsync()
    {
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

    /// <summary>Gives what is staged to the transport. False: the client is gone.</summary>
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
        catch (Exception e)
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

    /// <summary>Before a wait: what the connection holds meanwhile. After it: nothing.</summary>
    public void Hold(int bytes)
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
    public void OnOutputFailed(Exception error)
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

    /// <summary>Leaves the transport; then the handler is told, and disposed. No step that fails takes the next one with it.</summary>
    private async Task CloseAsync()
    {
        IsHandlingLine = false;
        _inbox.DropRequest();
        _deadlines.EndWatch();
        await new OrderlyClose(this, _inbox, _input, _output, _read.IsLast).RunAsync(_handler);
        _deadlines.EndWatch();
        _inbox.End();
        try
        {
            if (_isConnected)
            {
                await _handler!.OnDisconnectedAsync(_inbox.CloseReason);
            }
        }
        catch (Exception e)
        {
            Endpoint.Log.HandlerFailed(e, _inbox, nameof(LineHandlerBase.OnDisconnectedAsync));
        }

        if (HandlerSource.HasToBeDisposed(_handler?.Made, _scope))
        {
            await HandlerSource.DisposeAsync(_handler?.Made, _scope, Endpoint.Log, _inbox);
        }
    }
}
