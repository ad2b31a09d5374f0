using System.Buffers;
using System.IO.Pipelines;
using LineServer.Connections;
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
    private readonly ConnectionPlace? _place;
    private readonly CloseReason _refusal;
    private readonly LineConnection _connection;
    private readonly LineBatchHandler _handler;
    private readonly LineReader _lines;
    private readonly PipeReader _input;
    private readonly TransportOutput _output;

    private bool _isReading; // between BeginRead and EndRead
    private bool _inTransport; // what is thrown now comes from the transport, not from the handler
    private bool _inputCompleted;
    private readonly bool _isGreeter;
    private bool _connected;
    private int _payloadNeeded;
    private bool _payloadTaken;
    private bool _wasSkipping; // when the read began
    private long _oversizeBefore; // it too

    public ConnectionLoop(ConnectionContext context, LineEndpoint endpoint, ConnectionHandler transportHandler, ConnectionPlace? place, CloseReason refusal)
    {
        _context = context;
        _endpoint = endpoint;
        _place = place;
        _refusal = refusal;
        _input = context.Transport.Input;
        _output = new TransportOutput(context.Transport.Output, endpoint.Format.Delimiter, endpoint.Limits.MaxWriteBufferSize);
        _lines = new LineReader(endpoint.Format);
        _connection = new LineConnection(context, this);
        LineHandlerBase handler = endpoint.HandlerFactory();
        _isGreeter = endpoint.IsGreeter(handler);
        _handler = handler as LineBatchHandler ?? new PerLineHandler((LineHandler)handler);
        _handler.Attach(_connection);
        endpoint.StartsInline = _handler.NeverBlocks;
        if (_handler.NeverBlocks && context.Features.Get<IEventLoopFeature>() is { } eventLoop)
        {
            eventLoop.RunsInline = true;
            eventLoop.Handler = transportHandler;
        }
    }

    /// <summary>Serves the connection until it has ended. Never throws: what went wrong is the close reason, and in the log.</summary>
    public async Task RunAsync()
    {
        CloseReason refused = _refusal;
        _endpoint.Connections.Add(this);
        _endpoint.Metrics.ConnectionOpened();
        using CancellationTokenRegistration drain = _context.Features.Get<IConnectionLifetimeNotificationFeature>() is { } lifetime
            ? lifetime.ConnectionClosedRequested.UnsafeRegister(static loop => ((ConnectionLoop)loop!).BeginDrain(), this)
            : default;
        if (refused != CloseReason.None)
        {
            RequestClose(refused);
            LogRefused(refused);
        }

        // Here, and not in a method of its own: each idle connection would keep that method's state besides this one's.
        try
        {
            bool goesOn = refused == CloseReason.None;
            if (goesOn)
            {
                _connected = true;
                if (_isGreeter)
                {
                    await GreetAsync();
                }
            }

            while (goesOn && !_stop)
            {
                StageMail();
                if (_output.Staged > 0 && !await FlushAsync())
                {
                    break;
                }

                if (!_draining)
                {
                    // Awaited here: in a method of its own, every read that has to wait would allocate that method's state.
                    // No context is wanted here, and to ask for it takes two look-ups a read.
                    ReadResult read = await BeginWaiting().ConfigureAwait(false);
                    EndWaiting();
                    goesOn = await HandleAsync(read);
                }
                else
                {
                    goesOn = false;
                    if (TryReadLast(out ReadResult last))
                    {
                        await HandleAsync(last);
                    }

                    RequestClose(CloseReason.Drain);
                }
            }
        }
        catch (Exception e) when (_inTransport)
        {
            LosePeer(e);
        }
#pragma warning disable CA1031 // Whatever a handler throws ends its connection, and no other.
        catch (Exception e)
#pragma warning restore CA1031
        {
            // What a handler throws when it is cancelled, or its client ends within a payload, is no failure of the handler.
            bool endsAnyway = CloseReason != CloseReason.None && e is OperationCanceledException or EndOfStreamException;
            RequestClose(CloseReason.HandlerError);
            if (!endsAnyway)
            {
                _endpoint.Logger.LogError(e, "{Connection} on {Endpoint}: the handler failed; the connection is closed", _connection, _endpoint.Options.Name);
            }
        }

        await CloseInOrderAsync();
        Hold(0);
        _endpoint.Connections.Remove(this);
        _place?.Free();
        _endpoint.Metrics.ConnectionClosed(CloseReason);
        _endpoint.Logger.LogDebug("{Connection} on {Endpoint} ended: {CloseReason}", _connection, _endpoint.Options.Name, CloseReason);
    }

    private async ValueTask GreetAsync()
    {
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

    private ValueTask<ReadResult> BeginWaiting()
    {
        _inTransport = true;
        ValueTask<ReadResult> read = _input.ReadAsync(CancellationToken.None);
        if (!read.IsCompleted)
        {
            WatchRead();
            Hold(_payloadNeeded > 0 ? _payloadHeld : (int)_lines.PartialLineLength);
        }

        return read;
    }

    private void EndWaiting()
    {
        _inTransport = false;
        EndWatchRead();
        Hold(0);
    }

    /// <summary>For a drain: one more read if it is there at once; what the kernel has beyond that was not received.</summary>
    private bool TryReadLast(out ReadResult read)
    {
        _inTransport = true;
        bool isThere = _input.TryRead(out read);
        _inTransport = false;
        return isThere;
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
        Hold(_readLength + staged);
        Watch(Wait.Send, _endpoint.Connections.DeadlineAfter(_endpoint.Limits.SendTimeout));
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
            EndWatch();
            Hold(0);
        }
    }

    private bool WasFlushed(FlushResult result)
    {
        if (!result.IsCompleted && !_gone)
        {
            return true;
        }

        LosePeer();
        return false;
    }

    private void LogRefused(CloseReason reason)
    {
        if (_endpoint.RejectedLog.TryEnter(out int suppressed))
        {
            _endpoint.Logger.LogWarning(
                "{Endpoint}: connection from {Connection} refused: {CloseReason} ({Suppressed} more since the last message)",
                _endpoint.Options.Name, _connection, reason, suppressed);
        }
    }
}
