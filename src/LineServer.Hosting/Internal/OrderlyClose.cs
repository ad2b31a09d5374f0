using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using LineServer.Connections;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The orderly end of a connection: stage pushed lines, a wake-up's and the handler's last line, flush, send FIN, then
/// read and discard input until the client's FIN. Unread input would turn the close into RST, which may
/// destroy replies in flight.
/// </summary>
/// <remarks>
/// If the transport can send FIN first, input is discarded until the client's FIN or
/// <see cref="LineLimits.LingerTimeout"/>. Otherwise (Kestrel's sockets close both directions at once) it is
/// discarded until nothing has arrived for <see cref="LineLimits.LingerQuietTime"/>.
/// </remarks>
[SuppressMessage("Design", "CA1031", Justification = "A handler or a transport may throw anything; the remaining steps must still run.")]
internal sealed class OrderlyClose(ConnectionLoop loop, Inbox inbox, PipeReader input, TransportOutput output, bool inputEnded)
{
    private static readonly Type ReaderOfStream = PipeReader.Create(Stream.Null).GetType();

    private bool _inputEnded = inputEnded;
    private volatile bool _isTimeOver;

    /// <summary>Returns when both directions have ended. Sends nothing if the connection is lost.</summary>
    public async Task RunAsync(LineBatchHandler? handler)
    {
        StageMail();
        loop.StageLastWake();
        StageLastLine(handler);
        try
        {
            if (inbox.State < ConnectionState.Lost && await loop.FlushAsync())
            {
                await SendFinAsync();
            }

            output.Complete();
            await input.CompleteAsync();
        }
        catch (Exception e)
        {
            loop.LosePeer(e);
        }
    }

    private void StageMail()
    {
        try
        {
            inbox.BeginClose(output);
        }
        catch (Exception e)
        {
            loop.OnOutputFailed(e);
        }
    }

    private void StageLastLine(LineBatchHandler? handler)
    {
        try
        {
            if (inbox.State < ConnectionState.Lost)
            {
                HandlerContext? context = loop.Context;
                HandlerEntry entry = context?.Enter() ?? default;
                try
                {
                    handler?.OnClosing(inbox.CloseReason, output);
                }
                finally
                {
                    context?.Leave(entry);
                }
            }
        }
        catch (Exception e)
        {
            loop.Endpoint.Log.HandlerFailed(e, inbox, nameof(LineHandlerBase.OnClosing));
        }
    }

    private async Task SendFinAsync()
    {
        LineLimits limits = loop.Endpoint.Limits;
        // A stream between us and the transport (TLS, connection logging) does not pass on the end of the
        // output. FIN is sent when the connection's whole pipeline has returned.
        bool isDirect = input.GetType() != ReaderOfStream;
        bool sendsFinFirst = isDirect && inbox.Features.Get<IHalfCloseFeature>() is { CompletingOutputSendsFin: true };
        if (!_inputEnded && !sendsFinFirst)
        {
            await DiscardAsync(limits.LingerTimeout, limits.LingerQuietTime);
        }

        if (_inputEnded)
        {
            // The FIN sent next ends both directions. Free the place first, so that a client that sees the
            // FIN and reconnects finds it free.
            loop.Place.Free();
        }

        output.Complete();
        if (_inputEnded || !isDirect)
        {
            return;
        }

        await DiscardAsync(sendsFinFirst ? limits.LingerTimeout : limits.SendTimeout, quietTime: null);
        if (_isTimeOver && !sendsFinFirst)
        {
            // The transport would have closed by now if the client had read what was sent.
            inbox.Abort(CloseReason.SendTimeout);
        }
    }

    // Uses its own timer: few connections get here, and the table's ticks are too coarse.
    private async Task DiscardAsync(TimeSpan? timeout, TimeSpan? quietTime)
    {
        TimeProvider time = loop.Endpoint.Time;
        long start = time.GetTimestamp();
        _isTimeOver = timeout == TimeSpan.Zero;
        await using ITimer timer = time.CreateTimer(
            static close => ((OrderlyClose)close!).OnTimeOver(), this, quietTime ?? timeout ?? Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        while (!_inputEnded && !_isTimeOver && inbox.State < ConnectionState.Lost)
        {
            TransportRead read = await loop.ReadAsync();
            if (read.Error is not null)
            {
                loop.LosePeer(read.Error);
                return;
            }

            bool isEmpty = read.Buffer.IsEmpty;
            _inputEnded = read.IsLast;
            input.AdvanceTo(read.Buffer.End);
            if (quietTime is { } quiet && !isEmpty)
            {
                if (time.GetElapsedTime(start) >= timeout)
                {
                    return;
                }

                timer.Change(quiet, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void OnTimeOver()
    {
        _isTimeOver = true;
        loop.CancelRead();
    }
}
