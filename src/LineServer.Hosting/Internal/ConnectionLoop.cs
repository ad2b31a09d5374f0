using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using LineServer.Framing;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>
/// One connection, from accept to close: read, give the lines to the handler, flush, read again. The only one that touches the connection's
/// reader and writer; everyone else leaves a note and wakes it.
/// </summary>
internal sealed partial class ConnectionLoop
{
    private readonly ConnectionContext _context;
    private readonly LineEndpoint _endpoint;
    private readonly LineConnection _connection;
    private readonly LineBatchHandler _handler;
    private readonly LineReader _lines;
    private readonly PipeReader _input;
    private readonly TransportOutput _output;

    private ReadOnlySequence<byte> _buffer;
    private bool _isReading; // between BeginRead and EndRead
    private bool _inputCompleted;
    private int _payloadNeeded;

    public ConnectionLoop(ConnectionContext context, LineEndpoint endpoint)
    {
        _context = context;
        _endpoint = endpoint;
        _input = context.Transport.Input;
        _output = new TransportOutput(context.Transport.Output, endpoint.Format.Delimiter, endpoint.Limits.MaxWriteBufferSize);
        _lines = new LineReader(endpoint.Format);
        _connection = new LineConnection(context, this);
        LineHandlerBase handler = endpoint.HandlerFactory();
        _handler = handler as LineBatchHandler ?? new PerLineHandler((LineHandler)handler);
        _handler.Attach(_connection);
        PeerAddress = (context.RemoteEndPoint as IPEndPoint)?.Address is { IsIPv4MappedToIPv6: true } mapped
            ? mapped.MapToIPv4()
            : (context.RemoteEndPoint as IPEndPoint)?.Address;
    }

    /// <summary>Serves the connection until it has ended. Never throws: what went wrong is the close reason, and in the log.</summary>
    public async Task RunAsync()
    {
        LineMetrics metrics = _endpoint.Metrics;
        CloseReason refused = _endpoint.Connections.Add(this);
        metrics.ConnectionOpened();
        using CancellationTokenRegistration drain = _context.Features.Get<IConnectionLifetimeNotificationFeature>() is { } lifetime
            ? lifetime.ConnectionClosedRequested.UnsafeRegister(static loop => ((ConnectionLoop)loop!).BeginDrain(), this)
            : default;
        if (refused == CloseReason.None)
        {
            await ServeAsync();
        }
        else
        {
            RequestClose(refused);
            LogRefused(refused);
        }

        await CloseInOrderAsync();
        _endpoint.Connections.Remove(this);
        metrics.ConnectionClosed(CloseReason);
        _endpoint.Logger.LogDebug("{Connection} on {Endpoint} ended: {CloseReason}", _connection, _endpoint.Options.Name, CloseReason);
    }

    private async Task ServeAsync()
    {
        try
        {
            await ConnectAsync();
            bool goesOn = true;
            while (goesOn && !_stop)
            {
                StageMail();
                if (_output.Staged > 0 && !await FlushAsync())
                {
                    break;
                }

                if (!_draining)
                {
                    goesOn = await HandleAsync(await ReadAsync());
                }
                else
                {
                    // One more read if it is there at once; what the kernel has beyond that was not received.
                    goesOn = _input.TryRead(out ReadResult last) && await HandleAsync(last) && _payloadNeeded > 0;
                }
            }
        }
        catch (Exception e) when (IsConnectionLoss(e))
        {
            LosePeer();
        }
#pragma warning disable CA1031 // Whatever a handler throws ends its connection, and no other.
        catch (Exception e)
#pragma warning restore CA1031
        {
            RequestClose(CloseReason.HandlerError);
            if (CloseReason == CloseReason.HandlerError)
            {
                _endpoint.Logger.LogError(e, "{Connection} on {Endpoint}: the handler failed; the connection is closed", _connection, _endpoint.Options.Name);
            }
        }
    }

    private async ValueTask ConnectAsync()
    {
        if (_handler is DelegateHandler)
        {
            return;
        }

        ValueTask connected = _handler.OnConnectedAsync(Replies, Aborted);
        if (connected.IsCompletedSuccessfully)
        {
            connected.GetAwaiter().GetResult();
            Replies.FinishTo(_output);
        }
        else
        {
            await WaitForHandlerAsync(connected);
        }

        _replies!.Release();
        if (_handler is not PerLineHandler)
        {
            _replies = null;
        }
    }

    /// <summary>Handles what a read has brought. False: it was the last.</summary>
    private async ValueTask<bool> HandleAsync(ReadResult read)
    {
        _inputCompleted = read.IsCompleted;
        if (read.Buffer.Length < _payloadNeeded && !read.IsCompleted)
        {
            _input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            return true;
        }

        if (read.Buffer.Length < _payloadNeeded)
        {
            _endpoint.Metrics.IncompleteLine();
            _input.AdvanceTo(read.Buffer.End);
            RequestClose(CloseReason.PeerClosed);
            return false;
        }

        bool wasSkipping = _lines.IsSkipping;
        long oversizeBefore = _lines.OversizeLines;
        BeginRead(read.Buffer);
        try
        {
            await GiveBatchesAsync();
        }
        finally
        {
            EndRead();
            _replies?.Release();
        }

        NoteLineEnds(wasSkipping, oversizeBefore);
        if (_lines.IsOversize)
        {
            RequestClose(CloseReason.LineTooLong);
        }

        if (!read.IsCompleted)
        {
            return true;
        }

        if (_lines.IncompleteLength > 0)
        {
            _endpoint.Metrics.IncompleteLine();
        }

        // The replies first: what the client sees of it is our FIN, after them.
        TrySetCloseReason(CloseReason.PeerClosed);
        return false;
    }

    private async ValueTask GiveBatchesAsync()
    {
        while (!_stop)
        {
            int takenBefore = _lines.LinesTaken;
            bool neededPayload = _payloadNeeded > 0;
            ValueTask task = _handler.OnBatch(new LineBatch(_connection, _lines, _output));
            bool waited = !task.IsCompletedSuccessfully;
            if (waited)
            {
                await WaitForHandlerAsync(task);
            }
            else
            {
                task.GetAwaiter().GetResult();
                if (_payloadNeeded > 0 || _lines.IsExhausted)
                {
                    return;
                }
            }

            bool progressed = waited || neededPayload || _output.Staged > 0 || _lines.LinesTaken > takenBefore;
            StageMail();
            if (_output.Staged > 0 && !await FlushAsync())
            {
                return;
            }

            if (!progressed && !_stop)
            {
                throw new InvalidOperationException($"{_handler.GetType()} took no line, staged nothing, and waits for nothing: it would be called again for ever.");
            }
        }
    }

    private void BeginRead(in ReadOnlySequence<byte> buffer)
    {
        _buffer = buffer;
        _payloadNeeded = 0;
        _isReading = true;
        _lines.BeginRead(buffer, _inputCompleted);
    }

    private void EndRead()
    {
        if (_isReading)
        {
            _isReading = false;
            _input.AdvanceTo(_lines.EndRead(), _buffer.End);
            _buffer = default;
            _endpoint.Metrics.LinesGiven(_lines.LinesTaken);
        }
    }

    private async ValueTask<ReadResult> ReadAsync()
    {
        ValueTask<ReadResult> read = _input.ReadAsync(CancellationToken.None);
        if (read.IsCompleted)
        {
            return read.GetAwaiter().GetResult();
        }

        WatchRead();
        try
        {
            return await read;
        }
        finally
        {
            EndWatch();
        }
    }

    /// <summary>Gives what is staged to the transport. False: the client is gone.</summary>
    private async ValueTask<bool> FlushAsync()
    {
        try
        {
            ValueTask<FlushResult> flush = _output.FlushAsync();
            FlushResult result;
            if (flush.IsCompleted)
            {
                result = flush.GetAwaiter().GetResult();
            }
            else
            {
                Watch(Wait.Send, _endpoint.Connections.DeadlineAfter(_endpoint.Limits.SendTimeout));
                result = await flush;
                EndWatch();
            }

            if (!result.IsCompleted && !_gone)
            {
                return true;
            }
        }
        catch (Exception e) when (IsConnectionLoss(e))
        {
            EndWatch();
        }

        LosePeer();
        return false;
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
            bool ended = handler.IsCompleted;
            FinishOrMoveReplies(ended);
            StageMail();
            if (_output.Staged > 0)
            {
                await FlushAsync();
            }

            if (ended)
            {
                break;
            }

            Interlocked.Exchange(ref _flushRequest, null)?.TrySetResult();
            if (Interlocked.Exchange(ref _payloadRequest, null) is { } payload)
            {
                await ServePayloadAsync(payload);
            }

            await signal.WaitAsync();
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
                    request.TrySetException(new EndOfStreamException($"The client ended the stream within a payload of {request.Count} bytes."));
                    return;
                }

                EndRead();
                _payloadNeeded = request.Count;
                ReadResult read = await ReadAsync();
                while (read.Buffer.Length < request.Count && !read.IsCompleted && !_stop)
                {
                    _input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                    StageMail();
                    if (_output.Staged > 0)
                    {
                        await FlushAsync();
                    }

                    read = await ReadAsync();
                }

                _inputCompleted = read.IsCompleted;
                BeginRead(read.Buffer);
                if (_stop)
                {
                    request.TrySetCanceled(Aborted);
                    return;
                }
            }

            request.TrySetResult(payload);
        }
        catch (Exception e) when (IsConnectionLoss(e))
        {
            LosePeer();
            request.TrySetCanceled(Aborted);
        }
    }

    private static bool IsConnectionLoss(Exception e) =>
        e is ConnectionResetException or ConnectionAbortedException or IOException { InnerException: System.Net.Sockets.SocketException };

    private void LogRefused(CloseReason reason)
    {
        if (_endpoint.RejectedLog.TryEnter(out int suppressed))
        {
            _endpoint.Logger.LogWarning(
                "{Endpoint}: connection from {Connection} refused: {CloseReason} ({Suppressed} more since the last message)",
                _endpoint.Options.Name, _connection, reason, suppressed);
        }
    }

    private void NoteLineEnds(bool wasSkipping, long oversizeBefore)
    {
        long oversize = _lines.OversizeLines - oversizeBefore;
        if (_lines.LinesTaken > 0 || (wasSkipping && (!_lines.IsSkipping || oversize > 0)))
        {
            // A line ended: what is held now of the next one began in this read.
            _lineDeadline = 0;
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
