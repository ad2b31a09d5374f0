using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Writes straight to the socket: a flush tries send first, on whatever thread, and what the kernel does not
/// take waits for an edge.
/// </summary>
/// <remarks>
/// Usually there is one array, rented for the first byte and returned when the kernel has taken the bytes. On
/// the loop, a flush may hand the array to <see cref="PendingWrites"/>, which has it sent after the
/// connection's group was handled; on the thread pool, a small flush is left to <see cref="HeldFlushes"/>. It then leaves
/// together with what follows: HTTP servers flush a body and its end separately. All but the usual case goes through
/// <see cref="OutboundQueue"/>, which is also the lock for the queued bytes.
/// </remarks>
internal sealed unsafe class SocketWriter<TCalls>(SocketConnection<TCalls> connection)
    : PipeWriter, IValueTaskSource<FlushResult>, IThreadPoolWorkItem, IPendingWriter, IHeldWriter
    where TCalls : struct, ISystemCalls
{
    // A larger flush is worth a send of its own.
    private const int LargestHeld = 4096;

    private const int CancelRequested = 1; // CancelPendingFlush
    private const int TokenCancelled = 2;

    private byte[]? _array; // the array being written
    private int _start;
    private int _end;
    private AdaptiveSize _size;
    private OutboundQueue? _queue;
    private int _signals; // reasons to end a pending flush
    private int _route;
    private volatile Stage _stage;
    private volatile bool _isPending; // the loop holds an array, which must be sent before everything else
    private volatile bool _isSendDue; // the loop or a work item sends more without an edge
    private bool _isReturning = true; // arrays go back to the pool

    /// <summary>
    /// Where flushed bytes go. Direct → Queued → Direct under the queue's lock; → Lost at any time, for good.
    /// </summary>
    private static class Route
    {
        /// <summary>Straight to the kernel.</summary>
        public const int Direct = 0;

        /// <summary>To the queue, behind bytes that wait for an edge or for the loop.</summary>
        public const int Queued = 1;

        /// <summary>Nowhere: the connection is lost.</summary>
        public const int Lost = 2;
    }

    /// <summary>What the owner may do. Open → Abandoned → Completed; Open → Completed.</summary>
    private enum Stage
    {
        /// <summary>Write and flush.</summary>
        Open,

        /// <summary>Write and flush, but the connection is closed: the bytes go nowhere.</summary>
        Abandoned,

        /// <summary>Nothing more. FIN follows the flushed bytes.</summary>
        Completed,
    }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => (_queue?.UnflushedBytes ?? 0) + (_end - _start);

    /// <summary>True if nothing is left to send, because it was sent or is lost.</summary>
    public bool IsDrained => IsLost || (!IsQueueing && !_isPending);

    private bool IsLost => Volatile.Read(ref _route) == Route.Lost;

    private bool IsQueueing => Volatile.Read(ref _route) == Route.Queued;

    private OutboundQueue Queue => _queue ?? Interlocked.CompareExchange(ref _queue, new OutboundQueue(), null) ?? _queue;

    private bool HasReason => Volatile.Read(ref _signals) != 0 || IsLost || HasRoom();

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        ThrowIfCompleted();
        if (_stage == Stage.Abandoned)
        {
            return NoMansMemory(sizeHint);
        }

        // Read the field once: if the connection is disposed meanwhile, the loop takes the array.
        byte[]? array = _array;
        int end = _end;
        if (array is not null && array.Length - end >= Math.Max(sizeHint, 1))
        {
            return array.AsMemory(end);
        }

        Use use = connection.Enter();
        if (use == Use.None)
        {
            Abandon();
            return NoMansMemory(sizeHint);
        }

        try
        {
            return TakeArray(sizeHint).AsMemory();
        }
        finally
        {
            connection.Exit(use);
        }
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (_stage == Stage.Abandoned)
        {
            return;
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, (_array?.Length ?? 0) - _end);
        _end += bytes;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfCompleted();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        }

        Use use = _stage == Stage.Abandoned ? Use.None : connection.Enter();
        if (use == Use.None)
        {
            Abandon();
            return new ValueTask<FlushResult>(TakeResult(default));
        }

        Flush(mayDefer: true);
        connection.Exit(use);
        return IsQueueing && MustWait() ? WaitAsync(cancellationToken) : new ValueTask<FlushResult>(TakeResult(default));
    }

    public override void CancelPendingFlush() => Signal(CancelRequested);

    /// <summary>Flushes what was written; FIN follows it.</summary>
    /// <param name="exception">If not null, the output is incomplete and the connection is aborted.</param>
    public override void Complete(Exception? exception = null)
    {
        if (_stage == Stage.Completed)
        {
            return;
        }

        if (exception is not null)
        {
            connection.Abort(new ConnectionAbortedException("The output was completed with an error.", exception));
        }

        Use use = connection.Enter();
        if (use == Use.None)
        {
            _stage = Stage.Completed;
            return;
        }

        Complete();
        connection.Exit(use);
    }

    /// <summary>On the loop: the connection was disposed, and no other thread is within the writer.</summary>
    public void OnDisposed()
    {
        if (_stage != Stage.Completed)
        {
            _isReturning = false; // an owner that has not completed the writer may still write to its array
            SendDue();
            Complete();
        }
    }

    /// <summary>On the loop: the kernel has room again.</summary>
    public void OnWritable()
    {
        if (!_isSendDue)
        {
            SendMore();
            EndWaitOnLoop();
        }
    }

    /// <summary>On the loop, after a post.</summary>
    public void OnPosted()
    {
        SendDue();
        if (Volatile.Read(ref _queue) is { } queue && !(connection.RunsInline && queue.Wait.TryRunLate()))
        {
            EndWaitOnLoop();
        }
    }

    /// <summary>Nothing can be sent anymore: drops queued bytes, and ends a pending flush.</summary>
    public void Terminate()
    {
        Volatile.Write(ref _route, Route.Lost);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _queue) is { } queue)
        {
            queue.Wait.Signal(connection, this);
            lock (queue)
            {
                queue.Clear();
            }
        }
    }

    /// <summary>Repeats a send that failed for lack of memory. The caller posts afterwards.</summary>
    public void Retry() => _isSendDue = true;

    /// <summary>
    /// On the loop: sends a flush that the loop has deferred. A failure ends only this connection.
    /// </summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown here ends the connection, and no other of the group.")]
    void IPendingWriter.SendPending(byte[] array, int start, int end)
    {
        try
        {
            if (IsLost)
            {
                connection.Loop.Return(array);
            }
            else
            {
                SendOrQueueFirst(array, start, end);
            }
        }
        catch (Exception e)
        {
            connection.Fail(e);
        }

        _isPending = false;
        // Either this sees what another thread has queued meanwhile, or that thread sees that it need not
        // wait for this.
        Interlocked.MemoryBarrier();
        SendMore();
        // A flush, completion or disposal on the loop calls this, so the awaiter must not run here.
        Volatile.Read(ref _queue)?.Wait.Signal(connection, this);
    }

    void IHeldWriter.SendHeld()
    {
        Use use = connection.Enter();
        if (use == Use.None)
        {
            return; // the loop has sent it, or nobody can
        }

        // Whatever the mark says: the loop may have cleared it just before the flush was queued.
        _isSendDue = false;
        SendMore();
        connection.Exit(use);
        _queue!.Wait.Signal(connection, this);
    }

    /// <summary>On the thread pool: ends a wait, or runs its late awaiter.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever an awaiter throws ends its connection, and not the process.")]
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            if (!_queue!.Wait.TryRunLate() && TryFinish())
            {
                _queue!.Wait.End();
            }
        }
        catch (Exception e)
        {
            connection.Fail(e);
        }
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => TakeResult(_queue!.Wait.GetResult(token));

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _queue!.Wait.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _queue!.Wait.OnCompleted(continuation, state, token, flags, connection, this);

    private void Complete()
    {
        Flush(mayDefer: false);
        if (_isPending)
        {
            Flush(mayDefer: false, throughQueue: true); // so that the loop sends FIN behind it
        }

        _stage = Stage.Completed;
        if (IsQueueing)
        {
            // The loop sends FIN after the queued bytes, unless it has just sent the last of them.
            lock (_queue!)
            {
                if (IsQueueing)
                {
                    return;
                }
            }
        }

        connection.OnOutputEnded();
    }

    private byte[] TakeArray(int sizeHint)
    {
        if (_end > _start)
        {
            OutboundQueue queue = Queue;
            lock (queue)
            {
                queue.Add(_array!, _start, _end);
            }

            _size.Note(_end - _start, isFilled: true);
        }
        else if (_array is not null)
        {
            connection.Loop.Return(_array);
        }

        _array = null;
        _start = _end = 0;
        return _array = connection.Loop.Rent(Math.Max(sizeHint, _size.Value));
    }

    /// <summary>Flushes what was written. A failure ends the connection.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown here ends the connection.")]
    private void Flush(bool mayDefer, bool throughQueue = false)
    {
        try
        {
            if (_isPending && connection.Loop.IsCurrent)
            {
                if (mayDefer && TryAppendPending())
                {
                    return;
                }

                connection.Loop.SendPending(this);
            }

            if (IsLost)
            {
                Drop();
            }
            else if (throughQueue || _isPending || IsQueueing || _queue is { UnflushedBytes: > 0 })
            {
                // _isPending is tested before the route: SendPending sets the route before it clears the
                // mark.
                FlushThroughQueue();
            }
            else if (_end > _start)
            {
                SendArray(mayDefer);
            }
        }
        catch (Exception e)
        {
            connection.Fail(e);
        }
    }

    /// <summary>
    /// The usual case: one array, and one send that takes all of it, now or at the end of the group.
    /// </summary>
    private void SendArray(bool mayDefer)
    {
        int length = _end - _start;
        if (mayDefer && connection.Loop.TryDefer(this, _array!, _start, _end))
        {
            _isPending = true;
            _size.Note(length, isFilled: false);
            _array = null;
            _start = _end = 0;
            return;
        }

        if (mayDefer && MayHold(length))
        {
            Hold();
            return;
        }

        nint sent;
        fixed (byte* bytes = _array)
        {
            sent = TCalls.Send(connection.Descriptor, bytes + _start, length);
        }

        if (sent == length)
        {
            _size.Note(length, isFilled: false);
            ReturnArray();
            return;
        }

        if (sent > 0)
        {
            _start += (int)sent;
        }

        FlushThroughQueue();
    }

    private bool MayHold(int length) =>
        !connection.RunsInline
        && length <= LargestHeld
        && (connection.MaxUnsentSize is not { } limit || length < limit)
        && Thread.CurrentThread.IsThreadPoolThread;

    /// <summary>Queues the flush for <see cref="HeldFlushes"/>.</summary>
    private void Hold()
    {
        _size.Note(_end - _start, isFilled: false);
        OutboundQueue queue = Queue;
        lock (queue)
        {
            AddArray(queue);
            queue.Flush();
            _isSendDue = true;
            if (Interlocked.CompareExchange(ref _route, Route.Queued, Route.Direct) == Route.Lost)
            {
                queue.Clear();
            }
        }

        try
        {
            connection.Loop.Held.Add(this);
        }
        catch (OutOfMemoryException)
        {
            SendDue();
        }
    }

    private void SendDue()
    {
        if (_isSendDue)
        {
            _isSendDue = false;
            SendMore();
        }
    }

    // A second small flush within an iteration joins the first.
    private bool TryAppendPending()
    {
        if (IsLost || IsQueueing || _queue is { UnflushedBytes: > 0 }
            || !connection.Loop.TryAppendPending(this, _array.AsSpan(_start, _end - _start)))
        {
            return false;
        }

        ReturnArray();
        return true;
    }

    private void FlushThroughQueue()
    {
        OutboundQueue queue = Queue;
        lock (queue)
        {
            if (_end > _start && queue.TryAppend(_array.AsSpan(_start, _end - _start)))
            {
                ReturnArray();
            }
            else if (_end > _start)
            {
                AddArray(queue);
            }

            queue.Flush();
            // Set the route before the send that fails, so that the edge that follows finds the queue.
            if (Interlocked.CompareExchange(ref _route, Route.Queued, Route.Direct) == Route.Direct && !_isPending)
            {
                SendQueue();
            }

            if (IsLost)
            {
                queue.Clear();
            }
        }
    }

    private void SendOrQueueFirst(byte[] array, int start, int end)
    {
        nint sent;
        fixed (byte* bytes = array)
        {
            sent = TCalls.Send(connection.Descriptor, bytes + start, end - start);
        }

        if (sent == end - start)
        {
            connection.Loop.Return(array);
            return;
        }

        // Another thread may have queued bytes behind these already.
        OutboundQueue queue = Queue;
        lock (queue)
        {
            queue.AddFirst(array, start + (int)Math.Max(sent, 0), end);
            Interlocked.CompareExchange(ref _route, Route.Queued, Route.Direct);
        }
    }

    private void AddArray(OutboundQueue queue)
    {
        byte[] array = _array!;
        if (!_isReturning)
        {
            // The queue returns its arrays to the pool, but the owner may still be writing to this one.
            array = connection.Loop.Rent(_array!.Length);
            _array.AsSpan(_start, _end - _start).CopyTo(array.AsSpan(_start));
        }

        queue.Add(array, _start, _end);
        _array = null;
        _start = _end = 0;
    }

    /// <summary>Sends what the kernel takes, up to the budget. Call it under the queue's lock.</summary>
    private void SendQueue()
    {
        OutboundQueue queue = _queue!;
        EventLoop loop = connection.Loop;
        long budget = loop.ByteBudget - (loop.IsCurrent ? queue.SentIn(loop.Iteration) : 0);
        while (queue.FlushedCount > 0)
        {
            if (budget <= 0)
            {
                // The peer takes everything at once: let the loop's other connections have their turn.
                _isSendDue = true;
                connection.Post();
                return;
            }

            nint sent = queue.Send<TCalls>(connection.Descriptor);
            if (sent >= 0)
            {
                budget -= sent;
                continue;
            }

            var error = (Errno)(-sent);
            if (error == Errno.EAGAIN)
            {
                return;
            }

            if (error is Errno.ENOBUFS or Errno.ENOMEM)
            {
                connection.RetryLater();
                return;
            }

            if (error != Errno.EINTR)
            {
                connection.NoteLoss(error);
                Volatile.Write(ref _route, Route.Lost);
                queue.Clear();
                connection.OnLost();
                return;
            }
        }

        Interlocked.CompareExchange(ref _route, Route.Direct, Route.Queued);
    }

    /// <summary>On the loop, or within a use: sends queued bytes. A failure ends the connection.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown here ends the connection.")]
    private void SendMore()
    {
        if (!IsQueueing)
        {
            return;
        }

        try
        {
            lock (_queue!)
            {
                SendQueue();
            }
        }
        catch (Exception e)
        {
            connection.Fail(e);
        }

        if (_stage == Stage.Completed && !IsQueueing)
        {
            connection.OnOutputEnded();
        }
    }

    private bool MustWait() => connection.MaxUnsentSize is { } limit && Volatile.Read(ref _queue) is { } queue && IsOver(queue, limit);

    private static bool IsOver(OutboundQueue queue, long limit)
    {
        lock (queue)
        {
            return queue.UnsentBytes > 0 && queue.UnsentBytes >= limit;
        }
    }

    private bool HasRoom()
    {
        lock (_queue!)
        {
            return _queue.UnsentBytes <= (connection.MaxUnsentSize ?? long.MaxValue) / 2;
        }
    }

    private ValueTask<FlushResult> WaitAsync(CancellationToken cancellationToken)
    {
        OutboundQueue queue = _queue!;
        queue.Wait.Watch(static writer => ((SocketWriter<TCalls>)writer!).Signal(TokenCancelled), this, cancellationToken);
        queue.Wait.Begin();
        return TryFinish()
            ? new ValueTask<FlushResult>(TakeResult(queue.Wait.Withdraw()))
            : new ValueTask<FlushResult>(this, queue.Wait.Version);
    }

    /// <summary>Checks whether the flush has a result. The caller must have taken the wait.</summary>
    /// <returns>
    /// True: there is a result. False: the wait was put back; another thread may have taken it since.
    /// </returns>
    private bool TryFinish()
    {
        do
        {
            if (HasReason)
            {
                return true;
            }

            _queue!.Wait.PutBack();
        }
        while (HasReason && _queue!.Wait.TryTake());
        return false;
    }

    private void EndWaitOnLoop()
    {
        if (Volatile.Read(ref _queue) is not { } queue || !queue.Wait.TryTake())
        {
            return;
        }

        if (!TryFinish())
        {
            return;
        }

        if (connection.RunsInline)
        {
            queue.Wait.End();
        }
        else
        {
            queue.Wait.Queue(connection, this);
        }
    }

    /// <summary>Gives a pending flush, or else the next one, a reason to end. Thread-safe.</summary>
    private void Signal(int bits)
    {
        Interlocked.Or(ref _signals, bits);
        Volatile.Read(ref _queue)?.Wait.Signal(connection, this);
    }

    private FlushResult TakeResult(CancellationToken cancellationToken)
    {
        int signals = Volatile.Read(ref _signals);
        if (signals != 0)
        {
            Interlocked.Exchange(ref _signals, 0);
            if ((signals & TokenCancelled) != 0)
            {
                throw new OperationCanceledException(cancellationToken);
            }
        }

        bool isLost = IsLost;
        if (isLost && connection.AbortReason is null && connection.IsLostByNetwork)
        {
            throw connection.DescribeLoss();
        }

        return new FlushResult(isCanceled: signals != 0, isCompleted: isLost || _stage != Stage.Open);
    }

    private void Drop()
    {
        if (_queue is { UnflushedBytes: > 0 } queue)
        {
            lock (queue)
            {
                queue.Clear();
            }
        }

        ReturnArray();
    }

    /// <summary>
    /// Memory for an owner that still writes after the connection was disposed. The bytes go nowhere.
    /// </summary>
    private static Memory<byte> NoMansMemory(int sizeHint) => new byte[Math.Max(sizeHint, AdaptiveSize.Smallest)];

    // Does not replace Completed: the loop may have completed the writer on the owner's behalf.
    private void Abandon() => Interlocked.CompareExchange(ref _stage, Stage.Abandoned, Stage.Open);

    private void ReturnArray()
    {
        if (_array is { } array && _isReturning)
        {
            connection.Loop.Return(array);
        }

        _array = null;
        _start = _end = 0;
    }

    private void ThrowIfCompleted()
    {
        if (_stage == Stage.Completed)
        {
            throw new InvalidOperationException("Writing is not allowed after the writer was completed.");
        }
    }
}
