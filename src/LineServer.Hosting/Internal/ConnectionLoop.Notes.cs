using System.Buffers;
using LineServer.Framing;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>What others ask of the connection: they leave a note and wake the loop, which alone acts.</summary>
internal sealed partial class ConnectionLoop
{
    private Mailbox? _mailbox;
    private ReplyBuffer? _replies;
    private WakeSignal? _signal;
    private CancellationTokenSource? _aborted;
    private TaskCompletionSource? _flushRequest;
    private PayloadRequest? _payloadRequest;

    /// <summary>True while a <see cref="LineHandler"/> has a line.</summary>
    public bool IsHandlingLine { get; set; }

    /// <summary>Where an asynchronous handler stages its replies.</summary>
    public ReplyBuffer Replies => _replies ??= new ReplyBuffer(_endpoint.Format.Delimiter);

    public CancellationToken Aborted
    {
        get
        {
            CancellationTokenSource source = LazyInitializer.EnsureInitialized(ref _aborted);
            if (_gone)
            {
                source.Cancel();
            }

            return source.Token;
        }
    }

    private WakeSignal Signal => LazyInitializer.EnsureInitialized(ref _signal);

    public bool TryPush(ReadOnlySpan<byte> line)
    {
        LineWriter.ThrowIfDelimiterInside(line, _endpoint.Format.Delimiter);
        Mailbox mailbox = LazyInitializer.EnsureInitialized(ref _mailbox, () => new Mailbox(_endpoint.Limits.MailboxSize, _endpoint.Format.Delimiter));
        if (mailbox.TryAdd(line, out bool wasEmpty, out bool isFull))
        {
            if (wasEmpty)
            {
                Wake();
            }

            return true;
        }

        if (isFull && _endpoint.Options.MailboxFullBehavior == MailboxFullBehavior.Close)
        {
            RequestClose(CloseReason.MailboxFull);
        }

        return false;
    }

    public ValueTask RequestFlushAsync()
    {
        ThrowIfNotHandlingLine();
        if (_gone)
        {
            return ValueTask.FromCanceled(Aborted);
        }

        var request = new TaskCompletionSource();
        _flushRequest = request;
        Signal.Set();
        return new ValueTask(request.Task);
    }

    public ValueTask<ReadOnlySequence<byte>> RequestPayloadAsync(int count)
    {
        ThrowIfNotHandlingLine();
        ThrowIfNotInRange(count);
        if (_gone)
        {
            return ValueTask.FromCanceled<ReadOnlySequence<byte>>(Aborted);
        }

        if (!_isReading)
        {
            throw new OperationCanceledException("The connection is being closed.");
        }

        if (_lines.TryReadBytes(count, out ReadOnlySequence<byte> payload))
        {
            EndPayload();
            return new ValueTask<ReadOnlySequence<byte>>(payload);
        }

        var request = new PayloadRequest(count);
        _payloadRequest = request;
        Signal.Set();
        return new ValueTask<ReadOnlySequence<byte>>(request.Task);
    }

    /// <summary>For a batch handler.</summary>
    public bool TryReadPayload(int count, out ReadOnlySequence<byte> payload)
    {
        ThrowIfNotInRange(count);
        if (_lines.TryReadBytes(count, out payload))
        {
            EndPayload();
            return true;
        }

        _payloadNeeded = count;
        return false;
    }

    /// <summary>A line was handled without waiting.</summary>
    public void FinishLine()
    {
        IsHandlingLine = false;
        _replies!.FinishTo(_output);
    }

    private void FinishOrMoveReplies(bool isBetweenReplies)
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

    private void StageMail() => _mailbox?.MoveTo(_output);

    /// <summary>Takes no more pushes. Those that were taken are staged: a push that returned true is lost only with the connection.</summary>
    private void CloseMailbox()
    {
        // A mailbox that nobody has used yet is closed too.
        Interlocked.CompareExchange(ref _mailbox, Mailbox.Closed, null)?.CloseTo(_gone ? null : _output);
    }

    private void CancelAborted()
    {
        // Either this sees the source that Aborted has just made, or Aborted sees that the connection is gone.
        Interlocked.MemoryBarrier();
        try
        {
            _aborted?.Cancel();
        }
        catch (AggregateException e)
        {
            // A callback that a handler registered threw; whoever aborts, the timer for instance, must not be hit by it.
            _endpoint.Logger.LogError(e, "{Connection} on {Endpoint}: a cancellation callback failed", _connection, _endpoint.Options.Name);
        }
    }

    /// <summary>The loop looks at its notes soon, whatever it waits for. A wake-up that comes too early is kept, none is lost.</summary>
    private void Wake()
    {
        _input.CancelPendingRead();
        Volatile.Read(ref _signal)?.Set();
    }

    private void ThrowIfNotHandlingLine()
    {
        if (!IsHandlingLine)
        {
            throw new InvalidOperationException($"Only within {nameof(LineHandler)}.{nameof(LineHandler.OnLineAsync)}.");
        }
    }

    private void ThrowIfNotInRange(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _endpoint.Limits.MaxReadBufferSize);
    }
}
