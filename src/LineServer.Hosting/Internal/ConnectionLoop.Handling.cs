using System.Buffers;
using System.IO.Pipelines;
using LineServer.Framing;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>What the handler does with a read, and what it asks for meanwhile.</summary>
internal sealed partial class ConnectionLoop
{
    /// <summary>Handles what a read has brought. False: it was the last.</summary>
    /// <remarks>As a rule the handler does not wait: that way goes through no asynchronous method, each of which would cost some 20 ns a read.</remarks>
    private ValueTask<bool> HandleAsync(in ReadResult read)
    {
        _inputCompleted = read.IsCompleted;
        if (read.Buffer.Length < _payloadNeeded && !read.IsCompleted)
        {
            _payloadHeld = (int)read.Buffer.Length;
            _input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            return new ValueTask<bool>(true);
        }

        if (read.Buffer.Length < _payloadNeeded)
        {
            _endpoint.Metrics.IncompleteLine();
            _input.AdvanceTo(read.Buffer.End);
            TrySetCloseReason(CloseReason.PeerClosed);
            return new ValueTask<bool>(false);
        }

        BeginRead(read.Buffer);
        bool isWaiting = false;
        try
        {
            ValueTask batches = GiveBatchesAsync();
            isWaiting = !batches.IsCompletedSuccessfully;
            if (isWaiting)
            {
                return EndHandlingAsync(batches, read.IsCompleted);
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

        return new ValueTask<bool>(GoesOnAfter(read.IsCompleted));
    }

    private async ValueTask<bool> EndHandlingAsync(ValueTask batches, bool wasLast)
    {
        try
        {
            await batches;
        }
        finally
        {
            EndHandling();
        }

        return GoesOnAfter(wasLast);
    }

    private void EndHandling()
    {
        EndRead();
        _replies?.FinishTo(_output); // what a handler staged that threw before it waited
        _replies?.Release();
    }

    private bool GoesOnAfter(bool wasLast)
    {
        if (_lines.IsOversize)
        {
            RequestClose(CloseReason.LineTooLong);
        }

        if (!wasLast)
        {
            return true;
        }

        if (_lines.IncompleteLength > 0 || _payloadNeeded > 0)
        {
            _endpoint.Metrics.IncompleteLine();
        }

        // The replies first: what the client sees of it is our FIN, after them.
        TrySetCloseReason(CloseReason.PeerClosed);
        return false;
    }

    private ValueTask GiveBatchesAsync()
    {
        if (_stop)
        {
            return default;
        }

        int takenBefore = _lines.LinesTaken;
        ValueTask task = GiveBatch();
        return task.IsCompletedSuccessfully && HasGivenAll ? default : GiveOnAsync(task, takenBefore);
    }

    private ValueTask GiveBatch()
    {
        _payloadNeeded = 0;
        _payloadTaken = false;
        return _handler.OnBatch(new LineBatch(_connection, _lines, _output));
    }

    private bool HasGivenAll => _payloadNeeded > 0 || _lines.IsExhausted;

    /// <summary>The handler waits, or has not taken everything: its replies are sent, and it is called again.</summary>
    private async ValueTask GiveOnAsync(ValueTask task, int takenBefore)
    {
        while (true)
        {
            bool waited = !task.IsCompletedSuccessfully;
            if (waited)
            {
                await WaitForHandlerAsync(task);
            }
            else
            {
                task.GetAwaiter().GetResult();
                if (HasGivenAll)
                {
                    return;
                }
            }

            bool progressed = waited || _payloadTaken || _output.Staged > 0 || _lines.LinesTaken > takenBefore;
            StageMail();
            if (_output.Staged > 0 && !await FlushAsync())
            {
                return;
            }

            if (!progressed && !_stop)
            {
                throw new InvalidOperationException($"{_handler.GetType()} took no line, staged nothing, and waits for nothing: it would be called again for ever.");
            }

            if (_stop)
            {
                return;
            }

            takenBefore = _lines.LinesTaken;
            task = GiveBatch();
        }
    }

    private void BeginRead(in ReadOnlySequence<byte> buffer)
    {
        _payloadNeeded = 0;
        _isReading = true;
        _readLength = (int)buffer.Length;
        _wasSkipping = _lines.IsSkipping;
        _oversizeBefore = _lines.OversizeLines;
        _lines.BeginRead(buffer, _inputCompleted);
    }

    private void EndRead()
    {
        if (_isReading)
        {
            _isReading = false;
            _readLength = 0;
            NoteLineEnds();
            SequencePosition consumed = _lines.EndRead(out SequencePosition examined);
            _input.AdvanceTo(consumed, examined);
            _endpoint.Metrics.LinesGiven(_lines.LinesTaken);
        }
    }

    /// <summary>
    /// Waits for a handler, and meanwhile does what the handler, or anyone else, asks of the connection: send what was staged, push, flush,
    /// read a payload.
    /// </summary>
    private async ValueTask WaitForHandlerAsync(ValueTask task)
    {
        WakeSignal signal = Signal;
        var handler = task.ConfigureAwait(false).GetAwaiter();
        handler.UnsafeOnCompleted(signal.SetAction);
        while (true)
        {
            // The requests first: what a handler staged before it asked is then sent before it is answered.
            bool ended = handler.IsCompleted;
            TaskCompletionSource? flush = Interlocked.Exchange(ref _flushRequest, null);
            PayloadRequest? payload = Interlocked.Exchange(ref _payloadRequest, null);
            FinishOrMoveReplies(isBetweenReplies: ended || flush is not null || payload is not null);
            StageMail();
            if (_output.Staged > 0)
            {
                await FlushAsync();
            }

            if (ended)
            {
                break;
            }

            if (_gone)
            {
                flush?.TrySetCanceled(Aborted);
            }

            flush?.TrySetResult();
            if (payload is not null)
            {
                await ServePayloadAsync(payload);
            }

            Hold(_readLength + (_replies?.Staged ?? 0));
            await signal.WaitAsync();
            Hold(0);
        }

        IsHandlingLine = false;
        handler.GetResult();
    }

    private async ValueTask ServePayloadAsync(PayloadRequest request)
    {
        try
        {
            ReadOnlySequence<byte> payload;
            while (!_lines.TryReadBytes(request.Count, out payload))
            {
                if (_inputCompleted)
                {
                    // Closed, whatever the handler makes of it: what has come of the payload must not be taken for lines.
                    _endpoint.Metrics.IncompleteLine();
                    RequestClose(CloseReason.PeerClosed);
                    request.TrySetException(new EndOfStreamException($"The client ended the stream within a payload of {request.Count} bytes."));
                    return;
                }

                EndRead();
                if (!await ReadMoreAsync(request.Count))
                {
                    request.TrySetCanceled(Aborted);
                    return;
                }
            }

            EndPayload();
            request.TrySetResult(payload);
        }
        catch (Exception e) when (_inTransport)
        {
            LosePeer(e);
            request.TrySetCanceled(Aborted);
        }
    }

    /// <summary>Reads on, for a payload. False: the connection is being closed.</summary>
    private async ValueTask<bool> ReadMoreAsync(int count)
    {
        StageMail();
        if (_output.Staged > 0)
        {
            await FlushAsync();
        }

        _payloadNeeded = count;
        ReadResult read;
        if (!_draining && !_stop)
        {
            read = await BeginWaiting();
            EndWaiting();
        }
        else if (_stop || !TryReadLast(out read))
        {
            RequestClose(CloseReason.Drain);
            return false;
        }
        else if (read.Buffer.Length < count && !read.IsCompleted)
        {
            // A payload that has not come whole is like a line that has not: it was not received.
            _input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            RequestClose(CloseReason.Drain);
            return false;
        }

        _inputCompleted = read.IsCompleted;
        BeginRead(read.Buffer);
        return true;
    }

    private void EndPayload()
    {
        _payloadTaken = true;
        _payloadHeld = 0;
        _lineDeadline = 0; // was the payload's: what is held now began behind it
    }

    private void NoteLineEnds()
    {
        int taken = _lines.LinesTaken;
        long oversize = _lines.OversizeLines - _oversizeBefore;
        long givenTruncated = _endpoint.Format.OversizeLineBehavior == OversizeLineBehavior.Truncate ? oversize : 0;
        long ended = taken - givenTruncated + oversize + (_wasSkipping ? 1 : 0) - (_lines.IsSkipping ? 1 : 0);
        if (ended > 0)
        {
            _lineDeadline = 0; // was that line's: what is held now of the next one began in this read
        }

        if (oversize == 0)
        {
            return;
        }

        _endpoint.Metrics.OversizeLines(oversize);
        if (_endpoint.OversizeLog.TryEnter(out int suppressed))
        {
            OversizeLine line = _lines.LastOversizeLine;
            _endpoint.Logger.LogWarning(
                "{Connection} on {Endpoint}: a line is longer than {MaxLineSize} bytes ({LengthSeen} seen, begins \"{Prefix}\"): {Behavior} ({Suppressed} more since the last message)",
                _connection, _endpoint.Options.Name, _endpoint.Limits.MaxLineSize, line.LengthSeen, LogText.Escape(line.Prefix.Span), _endpoint.Format.OversizeLineBehavior, suppressed);
        }
    }
}
