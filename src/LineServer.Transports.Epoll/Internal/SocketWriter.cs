using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Writes straight to the socket: a flush tries send first, from whatever thread, and what the kernel does not take waits for an edge.</summary>
/// <remarks>
/// As a rule one array: rented for the first byte, given back when the kernel has its bytes, or <see cref="DeferredSends"/> a copy that is sent when the group
/// of the connection has been handled. More, or what is left of it, goes through <see cref="OutboundQueue"/>, which also is the lock of everything that is not
/// the rule.
/// </remarks>
internal sealed unsafe class SocketWriter<TCalls>(SocketConnection<TCalls> connection) : PipeWriter, IValueTaskSource<FlushResult>, IThreadPoolWorkItem, IDeferringSender
    where TCalls : struct, ISystemCalls
{
    private byte[]? _array; // what is written to now
    private int _start;
    private int _end;
    private AdaptiveSize _size;
    private long _queuedUnflushed;
    private OutboundQueue? _queue;
    private volatile bool _isQueueing; // bytes wait for an edge: what follows goes behind them
    private volatile bool _isDeferred; // the loop keeps bytes, which go before all others
    private volatile bool _isWaiting; // a FlushAsync waits; under the lock
    private volatile bool _isCancelRequested;
    private volatile bool _isTokenCancelled;
    private volatile bool _isCompleted;
    private volatile bool _isLost;
    private bool _isReturning = true; // arrays go back to the pool
    private bool _isAbandoned; // somebody writes still, though the connection was disposed
    private volatile bool _isLate; // somebody awaits a wait that has ended
    private int _isWaitEnding; // set by whoever has ended the wait, until it is completed

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _queuedUnflushed + (_end - _start);

    /// <summary>True if nothing waits to be sent any more: it was sent, or is lost.</summary>
    public bool IsDrained => (!_isQueueing && !_isDeferred) || _isLost;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        ThrowIfCompleted();
        if (_isAbandoned)
        {
            return NoMansMemory(sizeHint);
        }

        // Read once: if the connection is disposed meanwhile, the loop takes the array.
        byte[]? array = _array;
        int end = _end;
        if (array is not null && array.Length - end >= Math.Max(sizeHint, 1))
        {
            return array.AsMemory(end);
        }

        if (!connection.TryEnter())
        {
            _isAbandoned = true;
            return NoMansMemory(sizeHint);
        }

        try
        {
            return TakeArray(sizeHint).AsMemory();
        }
        finally
        {
            connection.Exit();
        }
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (_isAbandoned)
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

        if (!_isAbandoned && connection.TryEnter())
        {
            try
            {
                Flush(mayDefer: true);
            }
            finally
            {
                connection.Exit();
            }
        }
        else
        {
            _isAbandoned = true;
        }

        return _isQueueing && !_isLost && !_isAbandoned && MustWait() ? WaitAsync(cancellationToken) : new ValueTask<FlushResult>(TakeResult(default));
    }

    public override void CancelPendingFlush()
    {
        _isCancelRequested = true;
        EndWait();
    }

    /// <summary>What was written is sent, then FIN.</summary>
    /// <param name="exception">Not null: what was written is no whole; the connection is aborted.</param>
    public override void Complete(Exception? exception = null)
    {
        if (_isCompleted)
        {
            return;
        }

        if (exception is not null)
        {
            connection.Abort(new ConnectionAbortedException("The output was completed with an error.", exception));
        }

        if (!connection.TryEnter())
        {
            _isAbandoned = true;
            _isCompleted = true;
            return;
        }

        try
        {
            Complete();
        }
        finally
        {
            connection.Exit();
        }
    }

    /// <summary>On the loop: the connection was disposed, and nobody else is within the writer.</summary>
    public void OnDisposed()
    {
        if (!_isCompleted)
        {
            _isReturning = false; // whoever has not completed the writer may be writing to its array still
            Complete();
        }
    }

    private void Complete()
    {
        Flush(mayDefer: false);
        if (_isDeferred)
        {
            FlushThroughQueue(); // so that the loop sends FIN behind it
        }

        _isCompleted = true;
        if (_isQueueing)
        {
            // The loop sends FIN when it has sent the rest, unless it has just done that.
            lock (_queue!)
            {
                if (_isQueueing)
                {
                    return;
                }
            }
        }

        connection.OnOutputEnded();
    }

    /// <summary>On the loop: there is room in the kernel again.</summary>
    public void OnWritable()
    {
        if (MakesRoom() && TryEndWait())
        {
            if (connection.IsInline)
            {
                CompleteWait();
            }
            else
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }
        }
    }

    /// <summary>On the loop: completes a wait that has ended elsewhere.</summary>
    public void Resume()
    {
        // On the thread pool it is the queued item's.
        if (connection.IsInline)
        {
            CompleteWait();
        }
    }

    /// <summary>Nothing can be sent any more.</summary>
    public void OnLost()
    {
        _isLost = true;
        if (Volatile.Read(ref _queue) is { } queue)
        {
            lock (queue)
            {
                queue.Clear();
            }
        }

        EndWait();
    }

    /// <summary>On the loop: what it has kept of the last flush.</summary>
    void IDeferringSender.SendDeferred(ReadOnlySpan<byte> bytes)
    {
        nint sent = 0;
        if (!_isLost)
        {
            fixed (byte* p = bytes)
            {
                sent = TCalls.Send(connection.Descriptor, p, bytes.Length);
            }

            if (sent != bytes.Length)
            {
                QueueFirst(bytes[(int)Math.Max(sent, 0)..]);
            }
        }

        _isDeferred = false;
        // Either this sees what another thread has queued behind it, or that sees that it need not wait for this.
        Interlocked.MemoryBarrier();
        if (MakesRoom())
        {
            EndWait(); // whoever flushes, completes or disposes on the loop has this sent: what waits must not run within that
        }
    }

    /// <summary>On the thread pool: the end of a wait.</summary>
    void IThreadPoolWorkItem.Execute() => CompleteWait();

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        _queue!.Wait.GetResult(token);
        return TakeResult(_queue!.Wait.EndWatch());
    }

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _queue!.Wait.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        if (!_queue!.Wait.OnCompleted(continuation, state, token, flags))
        {
            _isLate = true;
            connection.RunSoon(this);
        }
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

            _queuedUnflushed += _end - _start;
            _size.Note(_end - _start, isFilled: true);
        }
        else if (_array is not null)
        {
            connection.Loop.Return(_array);
        }

        byte[] array = connection.Loop.Rent(Math.Max(sizeHint, _size.Value));
        _array = array;
        _start = _end = 0;
        return array;
    }

    private OutboundQueue Queue => _queue ?? Interlocked.CompareExchange(ref _queue, new OutboundQueue(), null) ?? _queue;

    private void Flush(bool mayDefer)
    {
        if (_isDeferred && connection.Loop.IsCurrent)
        {
            connection.Loop.SendDeferred(this);
        }

        if (_isLost)
        {
            Drop();
        }
        else if (_isDeferred || _isQueueing || _queuedUnflushed > 0) // in this order: the loop sets the second before it clears the first
        {
            FlushThroughQueue();
        }
        else if (_end > _start)
        {
            SendArray(mayDefer);
        }
    }

    /// <summary>The rule: one array, and one send that takes all of it, here or a little later.</summary>
    private void SendArray(bool mayDefer)
    {
        int length = _end - _start;
        if (mayDefer && connection.Loop.TryDefer(this, _array.AsSpan(_start, length)))
        {
            _isDeferred = true;
            _size.Note(length, isFilled: false);
            ReturnArray();
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

    private void FlushThroughQueue()
    {
        OutboundQueue queue = Queue;
        lock (queue)
        {
            if (_end > _start)
            {
                AddArray(queue);
            }

            _queuedUnflushed = 0;
            queue.Flush();
            if (!_isQueueing)
            {
                // Before the send that fails: the edge that follows it finds the queue.
                _isQueueing = true;
                Interlocked.MemoryBarrier();
                if (!_isDeferred)
                {
                    SendQueue();
                }
            }

            if (_isLost)
            {
                queue.Clear();
            }
        }
    }

    /// <summary>What the kernel has not taken of deferred bytes: others may be queued behind them already.</summary>
    private void QueueFirst(ReadOnlySpan<byte> rest)
    {
        byte[] array = connection.Loop.Rent(rest.Length);
        rest.CopyTo(array);
        OutboundQueue queue = Queue;
        lock (queue)
        {
            queue.AddFirst(array, rest.Length);
            _isQueueing = true;
        }
    }

    private void AddArray(OutboundQueue queue)
    {
        byte[] array = _array!;
        if (!_isReturning)
        {
            // The queue gives its arrays back to the pool, and this one may be written to still.
            array = connection.Loop.Rent(_array!.Length);
            _array.AsSpan(_start, _end - _start).CopyTo(array.AsSpan(_start));
        }

        queue.Add(array, _start, _end);
        _array = null;
        _start = _end = 0;
    }

    /// <summary>Sends what the kernel takes. Under the lock.</summary>
    private void SendQueue()
    {
        OutboundQueue queue = _queue!;
        while (queue.FlushedCount > 0)
        {
            nint sent = queue.Send<TCalls>(connection.Descriptor);
            if (sent >= 0)
            {
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
                _isLost = true;
                queue.Clear();
                connection.OnReset();
            }
        }

        _isQueueing = false;
    }

    private bool MustWait() => connection.MaxUnsentSize is { } limit && Volatile.Read(ref _queue) is { } queue && IsOver(queue, limit);

    private static bool IsOver(OutboundQueue queue, long limit)
    {
        lock (queue)
        {
            return queue.UnsentBytes > 0 && queue.UnsentBytes >= limit;
        }
    }

    private ValueTask<FlushResult> WaitAsync(CancellationToken cancellationToken)
    {
        _queue!.Wait.Reset();
        short version = _queue!.Wait.Version;
        _queue!.Wait.Watch(static writer => ((SocketWriter<TCalls>)writer!).OnTokenCancelled(), this, cancellationToken);
        lock (_queue!)
        {
            if (_queue.UnsentBytes > 0 && !_isLost && !_isCancelRequested && !_isTokenCancelled)
            {
                _isWaiting = true;
                return new ValueTask<FlushResult>(this, version);
            }
        }

        return new ValueTask<FlushResult>(TakeResult(_queue!.Wait.EndWatch()));
    }

    private void OnTokenCancelled()
    {
        _isTokenCancelled = true;
        EndWait();
    }

    /// <summary>On the loop: sends what is queued.</summary>
    /// <returns>True: a flush that waits may end.</returns>
    private bool MakesRoom()
    {
        if (!_isQueueing || _isLost)
        {
            return false;
        }

        lock (_queue!)
        {
            SendQueue();
        }

        if (_isCompleted && !_isQueueing)
        {
            connection.OnOutputEnded();
        }

        return HasRoom();
    }

    private bool HasRoom()
    {
        if (!_isWaiting)
        {
            return false;
        }

        lock (_queue!)
        {
            return _isLost || _queue.UnsentBytes <= (connection.MaxUnsentSize ?? long.MaxValue) / 2;
        }
    }

    /// <summary>From any thread: ends the wait, if there is one. Never within the caller: its stack is not the place for what waits.</summary>
    private void EndWait()
    {
        if (TryEndWait())
        {
            connection.RunSoon(this);
        }
    }

    private bool TryEndWait()
    {
        if (Volatile.Read(ref _queue) is not { } queue)
        {
            return false;
        }

        lock (queue)
        {
            if (!_isWaiting)
            {
                return false;
            }

            _isWaiting = false;
            _isWaitEnding = 1;
            return true;
        }
    }

    private void CompleteWait()
    {
        if (_isLate)
        {
            _isLate = false;
            _queue!.Wait.RunLate();
            return;
        }

        if (Volatile.Read(ref _isWaitEnding) != 0 && Interlocked.Exchange(ref _isWaitEnding, 0) != 0)
        {
            _queue!.Wait.End();
        }
    }

    private FlushResult TakeResult(CancellationToken cancellationToken)
    {
        if (_isTokenCancelled)
        {
            _isTokenCancelled = false;
            throw new OperationCanceledException(cancellationToken);
        }

        bool isCancelled = _isCancelRequested;
        if (isCancelled)
        {
            _isCancelRequested = false;
        }

        return new FlushResult(isCancelled, _isLost || _isAbandoned);
    }

    private void Drop()
    {
        _isLost = true;
        if (_queuedUnflushed > 0)
        {
            lock (_queue!)
            {
                _queue.Clear();
            }

            _queuedUnflushed = 0;
        }

        ReturnArray();
    }

    /// <summary>The connection was disposed, and somebody writes still: it goes nowhere, and touches nothing that the loop looks at.</summary>
    private static Memory<byte> NoMansMemory(int sizeHint) => new byte[Math.Max(sizeHint, AdaptiveSize.Smallest)];

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
        if (_isCompleted)
        {
            throw new InvalidOperationException("Writing is not allowed after the writer was completed.");
        }
    }
}
