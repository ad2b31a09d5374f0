using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A connection: its descriptor, from accept to close, and its two pipes. One object where Kestrel's sockets have several, since thousands of them lie idle.
/// </summary>
/// <remarks>
/// The descriptor is closed on the loop, once, and when nobody else is within a system call on it: a number that is used again must not be
/// written to. So are the buffers: an array that is given back twice would show one client what is another's. The loop's own calls need no count for
/// that; those of other threads are bracketed by <see cref="TryEnter"/> and <see cref="Exit"/>.
/// </remarks>
internal sealed partial class SocketConnection<TCalls> : ConnectionContext, ILoopItem, IDuplexPipe
    where TCalls : struct, ISystemCalls
{
    private const int Closed = int.MinValue / 2;

    // Bytes that are read and thrown away at the end: unread input would turn the close into RST, which may destroy what was sent.
    private const int MaxDiscarded = 1024 * 1024;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(10);

    private readonly EpollTransport<TCalls> _transport;
    private readonly SocketReader<TCalls> _reader;
    private readonly SocketWriter<TCalls> _writer;
    private readonly PeerAddress _peer;
    private readonly AddressFamily _family;
    private int _slot = -1;
    private int _uses; // calls of other threads that are under way; from Closed on upwards when there shall be no more
    private int _isPosted;
    private int _isRetrying;
    private bool _isDescriptorClosed; // the loop's own
    private volatile bool _isClosed; // nothing is left to do
    private volatile bool _isClosing; // disposed: closed as soon as everything was sent
    private volatile bool _wasReset;
    private volatile bool _retriesWrite;
    private int _hasSentFin;
    private Exception? _abortReason;
    private TaskCompletionSource? _closed;

    public SocketConnection(EpollTransport<TCalls> transport, EventLoop loop, int descriptor, AddressFamily family, PeerAddress peer)
    {
        _transport = transport;
        Loop = loop;
        Descriptor = descriptor;
        _family = family;
        _peer = peer;
        IsInline = transport.Options.UnsafePreferInlineScheduling;
        _reader = new SocketReader<TCalls>(this, provesNothingByShortReads: family == AddressFamily.Unix);
        _writer = new SocketWriter<TCalls>(this);
    }

    public EventLoop Loop { get; }

    public int Descriptor { get; }

    /// <summary>Whether what waits runs on the loop; set before the first read.</summary>
    public bool IsInline { get; private set; }

    /// <summary>Why the connection was aborted, or closed by its owner; null while it was not.</summary>
    public Exception? AbortReason => Volatile.Read(ref _abortReason);

    /// <summary>The peer has reset the connection, as somebody has found out already.</summary>
    public bool WasReset => _wasReset;

    /// <summary>Bytes that one read may bring at most.</summary>
    public int MaxReadSize => _transport.MaxReadSize;

    /// <summary><see cref="EpollTransportOptions.MaxWriteBufferSize"/>.</summary>
    public long? MaxUnsentSize => _transport.Options.MaxWriteBufferSize;

    PipeReader IDuplexPipe.Input => _reader;

    PipeWriter IDuplexPipe.Output => _writer;

    ILoopItem? ILoopItem.NextPosted { get; set; }

    /// <summary>Has the loop watch the descriptor.</summary>
    /// <returns>0, or −errno; the connection is closed then.</returns>
    public int Start()
    {
        const uint Edges = EpollEvent.In | EpollEvent.Out | EpollEvent.ReadHangUp | EpollEvent.Urgent;
        int error = Loop.Register(this, Descriptor, Edges, out _slot);
        if (error == 0)
        {
            // Not before: what throws has counted nothing. The loop may have ended the connection by now, and uncounted it: the sum is right all the same.
            Loop.CountConnection();
        }
        else
        {
            _ = Libc.Close(Descriptor);
        }

        return error;
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.CompareExchange(ref _abortReason, abortReason, null) is null)
        {
            Reset();
            _writer.OnLost();
            _reader.OnAborted();
            OnConnectionClosed();
            if (_isClosing)
            {
                Post();
            }
        }
    }

    public override void Abort() => Abort(new ConnectionAbortedException("The connection was aborted by the application."));

    /// <summary>What was written is sent, then FIN; then the connection is closed. Until the peer takes it, or somebody aborts.</summary>
    public override async ValueTask DisposeAsync()
    {
        TaskCompletionSource closed = LazyInitializer.EnsureInitialized(ref _closed, static () => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        _isClosing = true;
        if (_isClosed)
        {
            // With its loop, which runs nothing any more.
            closed.TrySetResult();
        }
        else if (Loop.IsCurrent)
        {
            CloseIfDue();
        }
        else
        {
            Post();
        }

        await closed.Task;
        await base.DisposeAsync();
    }

    /// <summary>Runs <see cref="ILoopItem.OnPosted"/> on the loop, soon, and never within the caller.</summary>
    public void Post()
    {
        if (Interlocked.Exchange(ref _isPosted, 1) == 0)
        {
            Loop.Post(this);
        }
    }

    /// <summary>
    /// Has what waits run where it belongs, soon: on the loop by <see cref="Post"/>, or on the thread pool. Never within the caller: its stack is not the
    /// place for it.
    /// </summary>
    public void RunSoon(IThreadPoolWorkItem waiting)
    {
        if (IsInline)
        {
            Post();
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(waiting, preferLocal: false);
        }
    }

    /// <summary>Before a system call on the descriptor. False: it is closed, or about to be.</summary>
    public bool TryEnter()
    {
        if (Loop.IsCurrent)
        {
            return !_isDescriptorClosed;
        }

        if (Interlocked.Increment(ref _uses) > 0)
        {
            return true;
        }

        Exit();
        return false;
    }

    /// <summary>After a system call that <see cref="TryEnter"/> has allowed.</summary>
    public void Exit()
    {
        if (!Loop.IsCurrent && Interlocked.Decrement(ref _uses) == Closed)
        {
            // The loop has waited for this.
            Post();
        }
    }

    /// <summary>The output has ended, and everything was sent: FIN.</summary>
    public void OnOutputEnded()
    {
        if (Interlocked.Exchange(ref _hasSentFin, 1) == 0 && TryEnter())
        {
            _ = Libc.Shutdown(Descriptor, Libc.ShutdownWrite);
            Exit();
        }

        if (_isClosing)
        {
            Post();
        }
    }

    /// <summary>The peer's FIN was read.</summary>
    public void OnInputEnded() => OnConnectionClosed();

    /// <summary>A system call said that the connection is gone.</summary>
    public void OnReset()
    {
        _wasReset = true;
        OnConnectionClosed();
        if (_isClosing)
        {
            Post();
        }
    }

    /// <summary>The kernel had no memory: no edge will say when it has.</summary>
    public void RetryLater()
    {
        if (Interlocked.Exchange(ref _isRetrying, 1) == 0)
        {
            _ = RetryAsync();
        }
    }

    bool ILoopItem.OnEvents(uint events)
    {
        if (_connecting is { } connecting)
        {
            OnConnected(connecting, events);
            return false;
        }

        // First what the edges say, then what waits for it: that may close the connection.
        bool isHangUp = IsHangUp(events);
        bool isUrgent = (events & EpollEvent.Urgent) != 0;
        bool isReadable = isHangUp || isUrgent || (events & EpollEvent.In) != 0;
        if (isReadable)
        {
            _reader.NoteEdge(isHangUp || isUrgent);
        }

        if (isHangUp)
        {
            OnConnectionClosed();
        }

        if ((events & (EpollEvent.Out | EpollEvent.HangUp | EpollEvent.Error)) != 0)
        {
            _writer.OnWritable();
        }

        return isReadable && _reader.TryEndWait();
    }

    void ILoopItem.OnReady() => _reader.CompleteWait();

    void ILoopItem.OnPosted()
    {
        // Before the look: who posts after it posts again.
        Volatile.Write(ref _isPosted, 0);
        Interlocked.MemoryBarrier();
        if (_retriesWrite)
        {
            _retriesWrite = false;
            _writer.OnWritable();
        }

        Interlocked.Exchange(ref _work, null)?.Execute();
        _writer.Resume();
        _reader.Resume();
        CloseIfDue();
    }

    void ILoopItem.OnFailed(Exception exception) =>
        Abort(new ConnectionAbortedException("What waited for the connection threw on the event loop.", exception));

    void ILoopItem.OnLoopEnded(Exception reason)
    {
        Abort(new ConnectionAbortedException(reason.Message, reason));
        _connecting?.TrySetException(new SocketException((int)SocketError.OperationAborted));
        try
        {
            _writer.Resume();
            _reader.Resume();
        }
        finally
        {
            // Even if what waited throws: nobody asks again.
            _isClosing = true;
            CloseIfDue();
        }
    }

    private static bool IsHangUp(uint events) => (events & (EpollEvent.ReadHangUp | EpollEvent.HangUp | EpollEvent.Error)) != 0;

    /// <inheritdoc/>
    public override string ToString() => RemoteEndPoint is IPEndPoint ip ? ip.ToString() : ConnectionId;

    // On the loop; when that has ended, on the one worker of the thread pool that stands in for it. Never by two at once, so the descriptor is closed once.
    private void CloseIfDue()
    {
        if (!_isClosing || _isDescriptorClosed)
        {
            return;
        }

        int uses = Volatile.Read(ref _uses);
        if (uses >= 0)
        {
            uses = Interlocked.Add(ref _uses, Closed);
        }

        if (uses != Closed)
        {
            return; // the last to leave posts
        }

        // Nobody else is within the writer now, nor comes in: whoever uses the connection still, though it was disposed, harms only itself.
        _writer.OnDisposed();
        if (_writer.IsDrained && !_isDescriptorClosed)
        {
            Close();
        }
    }

    private void Close()
    {
        if (AbortReason is null && !_wasReset && !_reader.HasEnded)
        {
            DiscardInput();
        }

        _isDescriptorClosed = true;
        _extras?.Socket?.Dispose();
        Loop.Unregister(_slot);
        _ = Libc.Close(Descriptor);
        Loop.UncountConnection();
        Interlocked.CompareExchange(ref _abortReason, new ConnectionAbortedException("The connection was closed."), null);
        _reader.OnAborted();
        _writer.OnLost();
        OnConnectionClosed();
        // Either this sees who waits for it, or that sees this.
        _isClosed = true;
        Interlocked.MemoryBarrier();
        _closed?.TrySetResult();
    }

    private unsafe void DiscardInput()
    {
        byte* buffer = stackalloc byte[4096];
        nint received;
        int discarded = 0;
        do
        {
            received = TCalls.Receive(Descriptor, buffer, 4096);
            discarded += (int)Math.Max(received, 0);
        }
        while ((received > 0 || received == -(int)Errno.EINTR) && discarded < MaxDiscarded);
    }

    /// <summary>RST, now. Closing would do it too, but the descriptor may be in use.</summary>
    private unsafe void Reset()
    {
        if (!TryEnter())
        {
            return;
        }

        if (_family != AddressFamily.Unix && _extras?.LocalEndPoint is null)
        {
            // The last moment: what follows dissolves the address with the connection, and whoever logs the end asks for it then.
            _ = LocalEndPoint;
        }

        // connect(2) to no address dissolves a TCP connection, and resets it where that is due; a Unix socket cannot.
        byte* unspecified = stackalloc byte[16];
        new Span<byte>(unspecified, 16).Clear();
        if (_family == AddressFamily.Unix || Libc.Connect(Descriptor, unspecified, 16) != 0)
        {
            _ = Libc.Shutdown(Descriptor, Libc.ShutdownBoth);
        }

        Exit();
    }

    private async Task RetryAsync()
    {
        await Task.Delay(RetryDelay, _transport.Time).ConfigureAwait(false);
        Volatile.Write(ref _isRetrying, 0);
        _reader.OnRetry();
        _retriesWrite = true;
        Post();
    }
}
