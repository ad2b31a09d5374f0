using System.IO.Pipelines;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>How the connection ends. One owner ends it, the loop; the first cause wins.</summary>
internal sealed partial class ConnectionLoop
{
    private static readonly Type ReaderOfStream = PipeReader.Create(Stream.Null).GetType();

    private int _closeReason;
    private volatile bool _stop; // give no further line
    private volatile bool _draining; // give what was received
    private volatile bool _gone; // nothing can be sent any more
    private volatile bool _lingerOver;

    public CloseReason CloseReason => (CloseReason)Volatile.Read(ref _closeReason);

    /// <summary>Closes in order, for this reason unless there is one already.</summary>
    public void RequestClose(CloseReason reason)
    {
        TrySetCloseReason(reason);
        _stop = true;
        _output.EndBatches();
        Wake();
    }

    /// <summary>Closes now.</summary>
    public void Abort(CloseReason reason)
    {
        TrySetCloseReason(reason);
        LosePeer();
        _context.Abort(new ConnectionAbortedException($"Aborted: {CloseReason}."));
        Wake();
    }

    /// <summary>The server waits no longer.</summary>
    public void AbortDrain()
    {
        // The one cause that another becomes: what ended by being drained, and did not end.
        Interlocked.CompareExchange(ref _closeReason, (int)CloseReason.DrainTimeout, (int)CloseReason.Drain);
        Abort(CloseReason.DrainTimeout);
    }

    // The close reason stays open: until what was received has been handled, the connection may still end for another one.
    public void BeginDrain()
    {
        Volatile.Write(ref _drainDeadline, _endpoint.Connections.DeadlineAfter(_endpoint.Limits.DrainTimeout));
        _draining = true;
        Wake();
    }

    private void TrySetCloseReason(CloseReason reason) => Interlocked.CompareExchange(ref _closeReason, (int)reason, (int)CloseReason.None);

    private void LosePeer(Exception? exception = null)
    {
        _inTransport = false;
        TrySetCloseReason(exception is ConnectionAbortedException ? CloseReason.Aborted : CloseReason.PeerReset);
        _gone = true;
        _stop = true;
        _output.EndBatches();
        CancelAborted();
        if (exception is not null)
        {
            _endpoint.Logger.LogDebug(exception, "{Connection} on {Endpoint} was lost", _connection, _endpoint.Options.Name);
        }
    }

    private async Task CloseInOrderAsync()
    {
        IsHandlingLine = false;
        CloseMailbox();
        try
        {
            if (!_gone)
            {
                _handler.OnClosing(CloseReason, _output);
            }
        }
#pragma warning disable CA1031 // Whatever a handler throws: its connection is closed in order.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _endpoint.Logger.LogError(e, "{Connection} on {Endpoint}: OnClosing failed", _connection, _endpoint.Options.Name);
        }

        try
        {
            if (!_gone && await FlushAsync())
            {
                await SendFinAsync();
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

        EndWatch();
        _gone = true;
        CancelAborted();
        try
        {
            if (_connected)
            {
                await _handler.OnDisconnectedAsync(CloseReason);
            }
        }
#pragma warning disable CA1031 // Whatever a handler throws: its connection has ended, and is counted so.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _endpoint.Logger.LogError(e, "{Connection} on {Endpoint}: OnDisconnectedAsync failed", _connection, _endpoint.Options.Name);
        }
    }

    /// <summary>
    /// What was flushed arrives, then FIN. Unread input would turn the close into RST, which may destroy replies on their way; so it is
    /// read and discarded: where the transport sends FIN first, until the peer's; elsewhere until nothing has come for a moment.
    /// </summary>
    private async Task SendFinAsync()
    {
        // What stands between us and the transport as a stream (TLS, connection logging) passes no end of the output on: it ends when the
        // connection's whole pipeline has returned.
        bool isDirect = _input.GetType() != ReaderOfStream;
        bool sendsFinFirst = isDirect && _context.Features.Get<IHalfCloseFeature>() is { CompletingOutputSendsFin: true };
        if (!_inputCompleted && !sendsFinFirst)
        {
            await DiscardUntilQuietAsync();
        }

        if (_inputCompleted)
        {
            // Both sides have ended with the FIN that follows: a client that sees it, and connects again, finds its place free.
            _place?.Free();
        }

        _output.Complete();
        if (!isDirect)
        {
            return;
        }

        if (!_inputCompleted)
        {
            await LingerAsync(sendsFinFirst ? _endpoint.Limits.LingerTimeout : _endpoint.Limits.SendTimeout);
        }

        if (_lingerOver && !sendsFinFirst)
        {
            // The transport would have closed by now, had the client read what was sent to it.
            Abort(CloseReason.SendTimeout);
        }
    }

    // With a timer of its own: few connections get here, and the table's ticks would have to be short for them.
    private async Task LingerAsync(TimeSpan? timeout)
    {
        await using ITimer over = _endpoint.Time.CreateTimer(
            static loop => ((ConnectionLoop)loop!).EndLinger(), this, timeout ?? Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        while (!_inputCompleted && !_lingerOver && !_gone)
        {
            Discard(await _input.ReadAsync(CancellationToken.None));
        }
    }

    private void EndLinger()
    {
        _lingerOver = true;
        _input.CancelPendingRead();
    }

    private async Task DiscardUntilQuietAsync()
    {
        TimeProvider time = _endpoint.Time;
        long start = time.GetTimestamp();
        using var quiet = new CancellationTokenSource(_endpoint.Limits.LingerQuietTime, time);
        try
        {
            while (!_inputCompleted && !_gone && time.GetElapsedTime(start) < _endpoint.Limits.LingerTimeout)
            {
                Discard(await _input.ReadAsync(quiet.Token));
                quiet.CancelAfter(_endpoint.Limits.LingerQuietTime);
            }
        }
        catch (OperationCanceledException)
        {
            // Quiet.
        }
    }

    private void Discard(ReadResult read)
    {
        _inputCompleted = read.IsCompleted;
        _input.AdvanceTo(read.Buffer.End);
    }
}
