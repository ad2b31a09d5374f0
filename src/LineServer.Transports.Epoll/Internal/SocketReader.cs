using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Reads straight from the socket: a read tries recv first where an edge has come, and waits where none has.
/// </summary>
/// <remarks>
/// <para>
/// One word holds what others tell the reader. <c>Readable</c>: an edge has come since the last recv began; it is cleared <em>before</em> recv, so an edge
/// that comes meanwhile is not lost. <c>Waiting</c>: a ReadAsync waits; whoever clears it, and nobody else, completes the wait.
/// </para>
/// <para>
/// The bytes belong to the reader's consumer, and while it waits to the one that has cleared <c>Waiting</c>.
/// </para>
/// </remarks>
internal sealed unsafe class SocketReader<TCalls>(SocketConnection<TCalls> connection, bool provesNothingByShortReads) : PipeReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem
    where TCalls : struct, ISystemCalls
{
    private const int Readable = 1;
    private const int Waiting = 2;
    private const int CancelRequested = 4; // CancelPendingRead
    private const int TokenCancelled = 8;

    // A short read proves no more that nothing more is there. The peer has ended its side, or both: the end may share the edge with bytes. Or it has sent
    // urgent bytes: recv stops at their mark (tcp(7)). On a Unix socket from the start: recv stops behind bytes that carry descriptors (unix(7)).
    private const int HangUp = 16;

    private PipeWait _wait;
    private int _state = provesNothingByShortReads ? HangUp : 0;
    private ReceivedBytes _received;
    private AdaptiveSize _size;
    private int _turn;
    private int _readInTurn;
    private bool _isReading; // between a result and AdvanceTo
    private bool _mayAdvance; // the last read was cancelled
    private bool _isWaiting; // between a ReadAsync that waits and its result
    private bool _isAllExamined = true;
    private bool _isEnd;
    private volatile bool _isCompleted;
    private volatile bool _isLate; // somebody awaits a wait that has ended
    private Exception? _error;

    /// <summary>True if the end of the stream was read, or nothing more will be.</summary>
    public bool HasEnded => _isEnd || _error is not null;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfNotReady();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        }

        return HasResult || (MayReceiveHere && TryReceive() == ReceiveOutcome.Received) ? new ValueTask<ReadResult>(TakeResult(CancellationToken.None)) : WaitAsync(cancellationToken);
    }

    public override bool TryRead(out ReadResult result)
    {
        ThrowIfNotReady();
        if (HasResult || TryReceive() == ReceiveOutcome.Received)
        {
            result = TakeResult(CancellationToken.None);
            return true;
        }

        result = default;
        return false;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_isCompleted)
        {
            throw new InvalidOperationException("The reader was completed.");
        }

        if (!_isReading && !_mayAdvance)
        {
            throw new InvalidOperationException("There is no read to advance from.");
        }

        _mayAdvance = false;
        _isAllExamined = _received.Advance(connection.Loop, consumed, examined);
        _isReading = false;
    }

    public override void CancelPendingRead()
    {
        if (!_isCompleted)
        {
            Signal(CancelRequested);
        }
    }

    public override void Complete(Exception? exception = null)
    {
        if (_isCompleted)
        {
            return;
        }

        _isCompleted = true;
        if (!_isWaiting)
        {
            _isReading = false;
            _received.Release(connection.Loop);
        }
        else
        {
            // A wait of somebody who must not wait any more: it ends with an error, never without. The bytes may be the loop's at this moment: they are
            // left to the garbage collector.
            Signal(CancelRequested);
        }
    }

    /// <summary>On the loop: edges. The next call is <see cref="Resume"/>.</summary>
    public void NoteEdge(bool isHangUp)
    {
        // A plain load first: what is set already needs no locked instruction.
        int bits = isHangUp ? Readable | HangUp : Readable;
        if ((Volatile.Read(ref _state) & bits) != bits)
        {
            Interlocked.Or(ref _state, bits);
        }
    }

    /// <summary>On the loop: completes a wait if there is something to complete it with.</summary>
    public void Resume()
    {
        if (TryEndWait())
        {
            CompleteWait();
        }
    }

    /// <summary>On the loop: ends a wait if there is something to end it with, which is received here.</summary>
    /// <returns>True: <see cref="CompleteWait"/> is to be called, for it runs here. Nobody else completes it.</returns>
    public bool TryEndWait()
    {
        // On the thread pool it is the queued item's: here it would run user code on the loop, or the item would find nothing and end the next wait.
        if ((connection.IsInline && TryRunLate()) || !HasReason(Volatile.Read(ref _state)) || !TakeWait())
        {
            return false;
        }

        if (connection.IsInline)
        {
            return HasEndedWait();
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return false;
    }

    /// <summary>Runs what awaits the wait that has ended.</summary>
    public void CompleteWait() => _wait.End();

    /// <summary>The connection was aborted: whoever waits learns it.</summary>
    public void OnAborted() => Signal(Readable | HangUp);

    /// <summary>Tries again later what failed for want of memory.</summary>
    public void OnRetry() => Signal(Readable);

    /// <summary>On the thread pool: the end of a wait.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        if (!TryRunLate() && HasEndedWait())
        {
            CompleteWait();
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        _wait.GetResult(token);
        _isWaiting = false;
        return TakeResult(_wait.EndWatch());
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        if (_wait.OnCompleted(continuation, state, token, flags))
        {
            return;
        }

        _isLate = true;
        connection.RunSoon(this);
    }

    // Inline, a read that is begun off the loop completes there, and so does all that follows.
    private bool MayReceiveHere => !connection.IsInline || connection.Loop.IsCurrent;

    private bool HasResult =>
        !_isAllExamined
        || _isEnd
        || _error is not null
        || (Volatile.Read(ref _state) & (CancelRequested | TokenCancelled)) != 0
        || connection.AbortReason is not null;

    private static bool HasReason(int state) => (state & Waiting) != 0 && (state & ~(Waiting | HangUp)) != 0;

    private ValueTask<ReadResult> WaitAsync(CancellationToken cancellationToken)
    {
        _received.ShrinkForWait(connection.Loop);
        _wait.Reset();
        _isWaiting = true;
        short version = _wait.Version;
        _wait.Watch(static reader => ((SocketReader<TCalls>)reader!).Signal(TokenCancelled), this, cancellationToken);
        if (TryPublishWait(MayReceiveHere))
        {
            return new ValueTask<ReadResult>(this, version);
        }

        _isWaiting = false;
        return new ValueTask<ReadResult>(TakeResult(_wait.EndWatch()));
    }

    /// <summary>Publishes the wait; false if there is a result after all.</summary>
    private bool TryPublishWait(bool mayReceiveHere)
    {
        while (true)
        {
            if (HasResult)
            {
                return false;
            }

            int state = Volatile.Read(ref _state);
            bool isPostponed = false;
            if ((state & Readable) != 0 && mayReceiveHere)
            {
                ReceiveOutcome outcome = TryReceive();
                if (outcome == ReceiveOutcome.Received)
                {
                    return false;
                }

                isPostponed = outcome == ReceiveOutcome.Postponed;
                if (!isPostponed)
                {
                    continue;
                }
            }

            if ((state & (CancelRequested | TokenCancelled)) == 0 && Interlocked.CompareExchange(ref _state, state | Waiting, state) == state)
            {
                // Others have their turn first; or the loop's thread has to do it.
                if ((state & Readable) != 0)
                {
                    connection.Post();
                }

                return true;
            }
        }
    }

    // By whoever has cleared Waiting. False: it goes on.
    private bool HasEndedWait() => _isCompleted || !TryPublishWait(mayReceiveHere: true);

    /// <summary>Runs what has begun to await a wait that had just ended.</summary>
    private bool TryRunLate()
    {
        if (!_isLate)
        {
            return false;
        }

        _isLate = false;
        _wait.RunLate();
        return true;
    }

    private bool TakeWait() => (Interlocked.And(ref _state, ~Waiting) & Waiting) != 0;

    /// <summary>From any thread: something that ends a wait.</summary>
    private void Signal(int bits)
    {
        if ((Interlocked.Or(ref _state, bits) & Waiting) == 0)
        {
            return;
        }

        if (connection.IsInline)
        {
            // Never within the caller: its stack is not the place for what waits.
            connection.Post();
        }
        else if (TakeWait())
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private ReadResult TakeResult(CancellationToken cancellationToken)
    {
        int state = Volatile.Read(ref _state);
        bool isCancelled = false;
        if ((state & (CancelRequested | TokenCancelled)) != 0)
        {
            Interlocked.And(ref _state, ~(CancelRequested | TokenCancelled));
            if ((state & TokenCancelled) != 0)
            {
                throw new OperationCanceledException(cancellationToken);
            }

            isCancelled = true;
        }

        if (_isCompleted)
        {
            throw connection.AbortReason ?? new InvalidOperationException("The reader was completed.");
        }

        if (!isCancelled && _isAllExamined)
        {
            if (_error is not null)
            {
                throw _error;
            }

            if (!_isEnd && connection.AbortReason is { } reason)
            {
                throw reason;
            }
        }

        // As a Pipe does: a cancelled read need not be advanced from.
        _isReading = !isCancelled;
        _mayAdvance = isCancelled;
        return new ReadResult(_received.Sequence, isCancelled, _isEnd);
    }

    private ReceiveOutcome TryReceive()
    {
        while ((Volatile.Read(ref _state) & Readable) != 0)
        {
            if (connection.IsInline && connection.Loop.IsCurrent && !HasBudget())
            {
                return ReceiveOutcome.Postponed;
            }

            if (!connection.TryEnter())
            {
                _error ??= connection.AbortReason ?? new ConnectionAbortedException("The connection was closed.");
                return ReceiveOutcome.Received;
            }

            try
            {
                if (Receive())
                {
                    return ReceiveOutcome.Received;
                }
            }
            finally
            {
                connection.Exit();
            }
        }

        return ReceiveOutcome.Nothing;
    }

    /// <summary>One recv. False: nothing came of it.</summary>
    private bool Receive()
    {
        int size = (int)Math.Min(_size.Value, connection.MaxReadSize);
        byte[] array = _received.Prepare(connection.Loop, size, out int offset);
        int length = Math.Min(array.Length - offset, connection.MaxReadSize);
        Interlocked.And(ref _state, ~Readable);
        nint received;
        fixed (byte* buffer = array)
        {
            received = TCalls.Receive(connection.Descriptor, buffer + offset, length);
        }

        if (received > 0)
        {
            _received.Commit(connection.Loop, array, offset, (int)received);
            _size.Note(received, received == length);
            _readInTurn += (int)received;
            _isAllExamined = false;
            if (received == length || (Volatile.Read(ref _state) & HangUp) != 0)
            {
                // More may be there, and no edge would say so.
                Interlocked.Or(ref _state, Readable);
            }

            return true;
        }

        _received.Cancel(connection.Loop, array);
        return received == 0 ? OnEnd() : OnError((Errno)(-received));
    }

    private bool OnEnd()
    {
        if (connection.WasReset)
        {
            // A send has had the error; what recv tells is only that nothing more comes.
            _error = new ConnectionResetException("The connection was reset by its peer.");
        }

        _isEnd = _error is null;
        connection.OnInputEnded();
        return true;
    }

    private bool OnError(Errno error)
    {
        switch (error)
        {
            case Errno.EAGAIN:
                return false;
            case Errno.EINTR:
                Interlocked.Or(ref _state, Readable);
                return false;
            case Errno.ENOBUFS or Errno.ENOMEM:
                connection.RetryLater();
                return false;
            default:
                _error = connection.AbortReason ?? new ConnectionResetException(
                    $"The connection was lost: {error}.", new SocketException((int)SocketErrors.FromErrno(error)));
                connection.OnReset();
                return true;
        }
    }

    private bool HasBudget()
    {
        int turn = connection.Loop.Turn;
        if (_turn != turn)
        {
            _turn = turn;
            _readInTurn = 0;
        }

        return _readInTurn < connection.Loop.ReadBudget;
    }

    private void ThrowIfNotReady()
    {
        if (_isCompleted)
        {
            throw new InvalidOperationException("Reading is not allowed after the reader was completed.");
        }

        if (_isReading || _isWaiting)
        {
            throw new InvalidOperationException("Reading is already in progress.");
        }
    }
}
