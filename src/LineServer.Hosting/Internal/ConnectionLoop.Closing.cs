using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>How the connection ends. One owner ends it, the loop; the first cause wins.</summary>
internal sealed partial class ConnectionLoop
{
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

    private void BeginDrain()
    {
        _endpoint.Connections.BeginDrain();
        TrySetCloseReason(CloseReason.Drain);
        _draining = true;
        Wake();
    }

    private void TrySetCloseReason(CloseReason reason) => Interlocked.CompareExchange(ref _closeReason, (int)reason, (int)CloseReason.None);

    private void LosePeer()
    {
        TrySetCloseReason(CloseReason.PeerReset);
        _gone = true;
        _stop = true;
        _output.EndBatches();
        CancelAborted();
    }

    private async Task CloseInOrderAsync()
    {
        try
        {
            if (!_gone)
            {
                StageMail();
                _handler.OnClosing(CloseReason, _output);
            }

            CloseMailbox();
            if (!_gone && await FlushAsync())
            {
                await SendFinAsync();
            }
        }
        catch (Exception e) when (IsConnectionLoss(e))
        {
            LosePeer();
        }
#pragma warning disable CA1031 // Whatever a handler throws must not keep its connection open.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _endpoint.Logger.LogError(e, "{Connection} on {Endpoint}: closing failed", _connection, _endpoint.Options.Name);
        }

        _output.Complete();
        await _input.CompleteAsync();
        CancelAborted();
        try
        {
            await _handler.OnDisconnectedAsync(CloseReason);
        }
#pragma warning disable CA1031 // As above.
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
        bool sendsFinFirst = _context.Features.Get<IHalfCloseFeature>() is not null;
        if (!_inputCompleted && !sendsFinFirst)
        {
            await DiscardUntilQuietAsync();
        }

        _output.Complete();
        if (_inputCompleted || _gone)
        {
            return;
        }

        Watch(Wait.Linger, _endpoint.Connections.DeadlineAfter(sendsFinFirst ? _endpoint.Limits.LingerTimeout : _endpoint.Limits.SendTimeout));
        while (!_inputCompleted && !_lingerOver && !_gone)
        {
            Discard(await _input.ReadAsync(CancellationToken.None));
        }

        EndWatch();
        if (_lingerOver && !sendsFinFirst)
        {
            // The transport would have closed by now, had the client read what was sent to it.
            Abort(CloseReason.SendTimeout);
        }
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
