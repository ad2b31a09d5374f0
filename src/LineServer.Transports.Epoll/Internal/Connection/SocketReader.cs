using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Reads straight from the socket: a read tries recv if an edge has come, and otherwise waits for one.
/// </summary>
/// <remarks>
/// <para>
/// Other threads write only <see cref="_signals"/>. <c>Readable</c> means that an edge has come since the
/// last recv began. The reader clears it <em>before</em> recv, so it does not lose an edge that comes
/// meanwhile.
/// </para>
/// <para>
/// Everything else belongs to the consumer or, while the consumer waits, to the thread that has taken the
/// wait (<see cref="PipeWait"/>).
/// </para>
/// </remarks>
internal sealed unsafe class SocketReader<TCalls>(SocketConnection<TCalls> connection, bool provesNothingByShortReads)
    : PipeReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem
    where TCalls : struct, ISystemCalls
{
    private const int Readable = 1;
    private const int CancelRequested = 2; // CancelPendingRead
    private const int TokenCancelled = 4;

    // A short read no longer proves that nothing more is there. The peer has ended its side or both: its FIN
    // may share the edge with bytes. Or the peer sent urgent bytes: recv stops at their mark (tcp(7)). Always
    // set on a Unix socket: recv stops after bytes that carry descriptors (unix(7)).
    private const int HangUp = 8;

    // A read of this size does not wait for the other receives of its group: docs/decisions/0005.
    private const int LargeRead = 16 * 1024;

    private const int Reasons = Readable | CancelRequested | TokenCancelled;

    private PipeWait _wait;
    private int _signals = provesNothingByShortReads ? HangUp : 0;
    private ReceivedBytes _received;
    private AdaptiveSize _size;
    private int _iteration;
    private int _receivedInIteration;
    private Phase _phase;
    private bool _isAllExamined = true;
    private bool _isEnd;
    private volatile bool _isCompleted;
    private Exception? _error;

    /// <summary>
    /// The state between the consumer's calls. <see cref="_wait"/> knows whether a read is pending.
    /// </summary>
    private enum Phase : byte
    {
        /// <summary>A read may begin.</summary>
        Idle,

        /// <summary>A read returned a result; AdvanceTo must follow.</summary>
        Reading,

        /// <summary>A read was cancelled; AdvanceTo or another read may follow, as in a Pipe.</summary>
        Cancelled,
    }

    /// <summary>True if the end of the stream or an error was received.</summary>
    public bool HasEnded => _isEnd || _error is not null;

    /// <summary>On the loop: true if this iteration received enough to be worth its own send.</summary>
    public bool IsLargeRead => _receivedInIteration >= LargeRead;

    // An inline read that begins on another thread completes on the loop, where its continuation must run.
    private bool MayReceiveHere => !connection.RunsInline || connection.Loop.IsCurrent;

    private bool HasReason => (Volatile.Read(ref _signals) & Reasons) != 0;

    private bool HasResult =>
        !_isAllExamined
        || _isEnd
        || _error is not null
        || (Volatile.Read(ref _signals) & (CancelRequested | TokenCancelled)) != 0
        || connection.AbortReason is not null;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfNotReady();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        }

        return HasResult || (MayReceiveHere && TryReceive() == ReceiveOutcome.Received)
            ? new ValueTask<ReadResult>(TakeResult(CancellationToken.None))
            : WaitAsync(cancellationToken);
    }

    public override bool TryRead(out ReadResult result)
    {
        ThrowIfNotReady();
        // A new connection may have bytes whose edge has not been processed yet, so try recv.
        Interlocked.Or(ref _signals, Readable);
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

        if (_phase == Phase.Idle)
        {
            throw new InvalidOperationException("There is no read to advance from.");
        }

        _isAllExamined = _received.Advance(connection.Loop, consumed, examined);
        _phase = Phase.Idle;
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
        if (_wait.IsIdle)
        {
            _phase = Phase.Idle;
            _received.Release(connection.Loop);
        }
        else
        {
            // Misuse: a read is still pending. It ends with an error. The thread that has taken the wait may
            // be using the buffers right now, so leave them to the garbage collector.
            Signal(CancelRequested);
        }
    }

    /// <summary>On the loop: records an edge.</summary>
    public void NoteEdge(bool isHangUp)
    {
        // A plain load first avoids a locked instruction if the bits are set already.
        int bits = isHangUp ? Readable | HangUp : Readable;
        if ((Volatile.Read(ref _signals) & bits) != bits)
        {
            Interlocked.Or(ref _signals, bits);
        }
    }

    /// <summary>On the loop: ends the pending read if there is a result, receiving if necessary.</summary>
    /// <returns>True: the caller, and nobody else, must call <see cref="CompleteWait"/>.</returns>
    public bool TryEndWait()
    {
        if (!HasReason || !_wait.TryTake())
        {
            return false;
        }

        if (connection.RunsInline)
        {
            return TryFinish();
        }

        _wait.Queue(connection, this);
        return false;
    }

    /// <summary>Runs the awaiter of a read that has ended.</summary>
    public void CompleteWait() => _wait.End();

    /// <summary>On the loop, after a post.</summary>
    public void OnPosted()
    {
        // On the thread pool, the queued work item runs a late awaiter.
        if (connection.RunsInline && _wait.TryRunLate())
        {
            return;
        }

        if (TryEndWait())
        {
            CompleteWait();
        }
    }

    /// <summary>The connection was aborted: a pending read ends with the reason.</summary>
    public void Terminate() => Signal(Readable | HangUp);

    /// <summary>Repeats a receive that failed for lack of memory.</summary>
    public void Retry() => Signal(Readable);

    /// <summary>On the thread pool: ends a wait, or runs its late awaiter.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever an awaiter throws ends its connection, and not the process.")]
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            if (!_wait.TryRunLate() && TryFinish())
            {
                CompleteWait();
            }
        }
        catch (Exception e)
        {
            connection.Fail(e);
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => TakeResult(_wait.GetResult(token));

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags, connection, this);

    private ValueTask<ReadResult> WaitAsync(CancellationToken cancellationToken)
    {
        _received.ShrinkForWait(connection.Loop);
        _wait.Watch(static reader => ((SocketReader<TCalls>)reader!).Signal(TokenCancelled), this, cancellationToken);
        _wait.Begin();
        return TryFinish(MayReceiveHere)
            ? new ValueTask<ReadResult>(TakeResult(_wait.Withdraw()))
            : new ValueTask<ReadResult>(this, _wait.Version);
    }

    /// <summary>Looks for a result. The caller must have taken the wait.</summary>
    /// <returns>
    /// True: there is a result. False: the wait was put back; another thread may have taken it since.
    /// </returns>
    private bool TryFinish(bool mayReceiveHere = true)
    {
        if (_isCompleted)
        {
            return true;
        }

        do
        {
            if (HasResult)
            {
                return true;
            }

            bool isPostponed = !mayReceiveHere;
            if (mayReceiveHere)
            {
                ReceiveOutcome outcome = TryReceive();
                if (outcome == ReceiveOutcome.Received)
                {
                    return true;
                }

                isPostponed = outcome == ReceiveOutcome.Postponed;
            }

            _wait.PutBack();
            int reasons = Volatile.Read(ref _signals) & Reasons;
            if (reasons == 0)
            {
                return false;
            }

            if (reasons == Readable && isPostponed)
            {
                connection.Post(); // let other connections have their turn, or let the loop receive
                return false;
            }
        }
        while (_wait.TryTake());
        return false;
    }

    /// <summary>Gives a pending read a reason to end. Thread-safe.</summary>
    private void Signal(int bits)
    {
        Interlocked.Or(ref _signals, bits);
        _wait.Signal(connection, this);
    }

    private ReadResult TakeResult(CancellationToken cancellationToken)
    {
        int signals = Volatile.Read(ref _signals);
        bool isCancelled = false;
        if ((signals & (CancelRequested | TokenCancelled)) != 0)
        {
            Interlocked.And(ref _signals, ~(CancelRequested | TokenCancelled));
            if ((signals & TokenCancelled) != 0)
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

        _phase = isCancelled ? Phase.Cancelled : Phase.Reading;
        return new ReadResult(_received.Sequence, isCancelled, _isEnd);
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown here ends the connection, and with it the read.")]
    private ReceiveOutcome TryReceive()
    {
        while ((Volatile.Read(ref _signals) & Readable) != 0)
        {
            if (connection.RunsInline && connection.Loop.IsCurrent && !HasBudget())
            {
                return ReceiveOutcome.Postponed;
            }

            Use use = connection.Enter();
            if (use == Use.None)
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
            catch (Exception e)
            {
                connection.Fail(e);
                return ReceiveOutcome.Received;
            }
            finally
            {
                connection.Exit(use);
            }
        }

        return ReceiveOutcome.Nothing;
    }

    /// <summary>Calls recv once. Returns false if it brought no result.</summary>
    private bool Receive()
    {
        int size = (int)Math.Min(_size.Value, connection.MaxReadSize);
        byte[] array = _received.Prepare(connection.Loop, size, out int offset);
        int length = Math.Min(array.Length - offset, connection.MaxReadSize);
        Interlocked.And(ref _signals, ~Readable);
        nint received;
        fixed (byte* buffer = array)
        {
            received = TCalls.Receive(connection.Descriptor, buffer + offset, length);
        }

        if (received > 0)
        {
            _received.Commit(connection.Loop, array, offset, (int)received);
            _size.Note(received, received == length);
            _receivedInIteration += (int)received;
            _isAllExamined = false;
            if (received == length || (Volatile.Read(ref _signals) & HangUp) != 0)
            {
                // There may be more, and no edge would report it.
                Interlocked.Or(ref _signals, Readable);
            }

            return true;
        }

        _received.Cancel(connection.Loop, array);
        return received == 0 ? OnEnd() : OnError((Errno)(-received));
    }

    private bool OnEnd()
    {
        if (connection.IsLost)
        {
            // A send has consumed the error, so recv only reports the end.
            _error = connection.DescribeLoss();
        }

        _isEnd = _error is null;
        connection.OnPeerEnded();
        return true;
    }

    private bool OnError(Errno error)
    {
        switch (error)
        {
            case Errno.EAGAIN:
                return false;
            case Errno.EINTR:
                Interlocked.Or(ref _signals, Readable);
                return false;
            case Errno.ENOBUFS or Errno.ENOMEM:
                connection.RetryLater();
                return false;
            default:
                connection.NoteLoss(error);
                _error = connection.AbortReason ?? connection.DescribeLoss();
                connection.OnLost();
                return true;
        }
    }

    private bool HasBudget()
    {
        int iteration = connection.Loop.Iteration;
        if (_iteration != iteration)
        {
            _iteration = iteration;
            _receivedInIteration = 0;
        }

        return _receivedInIteration < connection.Loop.ByteBudget;
    }

    private void ThrowIfNotReady()
    {
        if (_isCompleted)
        {
            throw new InvalidOperationException("Reading is not allowed after the reader was completed.");
        }

        if (_phase == Phase.Reading || !_wait.IsIdle)
        {
            throw new InvalidOperationException("Reading is already in progress.");
        }

        _phase = Phase.Idle;
    }
}
