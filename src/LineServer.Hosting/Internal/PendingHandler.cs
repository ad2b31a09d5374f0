using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace LineServer.Hosting.Internal;

/// <summary>
/// A handler that did not complete at once. The loop joins it, and meanwhile does what the handler, or anyone else, asks of the
/// connection: send what was staged, push, flush, read a payload. Made when a handler first has to be waited for.
/// </summary>
[SuppressMessage("Design", "CA1031", Justification = "Whatever serving it throws ends the connection; the handler must be joined.")]
internal sealed class PendingHandler(ConnectionLoop loop, Inbox inbox) : WakeSignal
{
    private IHandlerRequest? _request;

    /// <summary>For the handler: asks the loop for something. A handler awaits one request before it makes another.</summary>
    public void Post(IHandlerRequest request)
    {
        if (Interlocked.CompareExchange(ref _request, request, null) is not null)
        {
            throw new InvalidOperationException("The handler has asked for a flush or a payload already, and has not awaited it.");
        }

        Set();
    }

    /// <summary>The line has ended: a request that the handler did not await is void.</summary>
    public void DropRequest() => TakeRequest()?.Cancel(inbox.Aborted);

    /// <summary>Waits until the handler has ended, whatever becomes of the connection; then throws what it threw.</summary>
    public async ValueTask JoinAsync(ValueTask task)
    {
        var handler = task.ConfigureAwait(false).GetAwaiter();
        handler.UnsafeOnCompleted(SetAction);
        ConnectionTable table = loop.Endpoint.Connections;
        long deadline = table.DeadlineAfter(loop.Endpoint.Limits.HandlerTimeout);
        while (true)
        {
            // In this order: what the handler staged before it ended, or asked, is sent before it is answered.
            bool hasEnded = handler.IsCompleted;
            loop.Deadlines.EndWatch();
            ValueTask serving = ServeAsync(TakeRequest(), hasEnded);
            if (!serving.IsCompletedSuccessfully)
            {
                // The client is waited for: that time is not the handler's.
                long before = table.Now;
                await serving;
                deadline = deadline == long.MaxValue ? deadline : deadline + (table.Now - before);
            }

            if (hasEnded)
            {
                break;
            }

            loop.Deadlines.Watch(Wait.Handler, deadline);
            loop.Hold(loop.Read.Length + loop.StagedReplies);
            await WaitAsync();
            loop.Hold(0);
        }

        loop.IsHandlingLine = false;
        handler.GetResult();
    }

    private IHandlerRequest? TakeRequest() => Volatile.Read(ref _request) is null ? null : Interlocked.Exchange(ref _request, null);

    private async ValueTask ServeAsync(IHandlerRequest? request, bool hasEnded)
    {
        try
        {
            loop.MoveReplies(isBetweenReplies: hasEnded || request is not null);
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
                    // Closed, whatever the handler makes of it: what has come of the payload must not be taken for lines.
                    loop.Read.NeedPayload(request.Count);
                    loop.OnEndOfStream();
                    inbox.RequestClose(CloseReason.PeerClosed);
                    request.TrySetException(new EndOfStreamException($"The client ended the stream within a payload of {request.Count} bytes."));
                    return;
            }
        }

        request.TrySetResult(payload);
    }

    /// <summary>Reads until a payload has come whole, or the stream has ended. Nothing: the connection is being closed.</summary>
    private async ValueTask<ReadInProgress.Arrival> ReadMoreAsync(int count)
    {
        loop.Read.NeedPayload(count);
        while (inbox.State == ConnectionState.Open && await loop.SendAsync())
        {
            loop.Deadlines.WatchRead(loop.Endpoint.Connections, loop.Endpoint.Limits, isWithinLine: true);
            loop.Hold(loop.Read.Length);
            TransportRead read = await loop.ReadAsync();
            loop.Hold(0);
            loop.Deadlines.EndWatchRead(loop.Endpoint.Connections);
            if (loop.Begin(read) is var arrival and not ReadInProgress.Arrival.Nothing)
            {
                return arrival;
            }
        }

        // A payload that has not come whole is like a line that has not: it was not received.
        ReadInProgress.Arrival last = inbox.State == ConnectionState.Draining && loop.TryReadLast(out TransportRead there)
            ? loop.Begin(there)
            : ReadInProgress.Arrival.Nothing;
        if (last == ReadInProgress.Arrival.Nothing)
        {
            inbox.RequestClose(CloseReason.Drain);
        }

        return last;
    }
}
