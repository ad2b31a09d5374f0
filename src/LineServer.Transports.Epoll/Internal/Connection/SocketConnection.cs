using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A connection: its descriptor, from accept to close, and its two pipes. One object where Kestrel's sockets have
/// several, since thousands of them lie idle.
/// </summary>
/// <remarks>
/// <para>
/// The descriptor is closed on the loop, once, when nobody else is within a system call on it: a number that is used
/// again must not be written to. The buffers are given up there too: an array that is given back twice would show one
/// client the bytes of another. The loop's own calls need no count for that; <see cref="Enter"/> and
/// <see cref="Exit"/> count those of other threads.
/// </para>
/// <para>
/// It ends in this order. <see cref="Abort(ConnectionAbortedException)"/>, which may be left out: RST, both pipes end
/// with the reason. <see cref="DisposeAsync"/>: what was flushed is sent, then FIN. <see cref="Close"/>, on the loop.
/// </para>
/// </remarks>
internal sealed partial class SocketConnection<TCalls> : ConnectionContext, IEventSource, IDuplexPipe, IWaitScheduler
    where TCalls : struct, ISystemCalls
{
    private const int NoMoreUses = int.MinValue / 2;

    // Bytes that are received and thrown away before the close: unread input would turn the close into RST, which may
    // destroy what was sent.
    private const int MaxDiscarded = 1024 * 1024;

    // Set once, or until they are cleared: each keeps a call from being made twice.
    private const int IsPosted = 1;
    private const int IsRetrying = 2;
    private const int HasSentFin = 4;
    private const int FinIsDue = 8;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(10);

    // Made before memory runs out.
    private static readonly ConnectionAbortedException OutOfMemory = new("There was no memory left for the connection.");

    private static readonly ConnectionAbortedException WasClosed = new("The connection was closed.");

    private readonly EpollTransport<TCalls> _transport;
    private readonly SocketReader<TCalls> _reader;
    private readonly SocketWriter<TCalls> _writer;
    private readonly PeerAddress _peer;
    private readonly AddressFamily _family;
    private int _slot = -1;
    private int _uses; // calls of other threads that are under way; from NoMoreUses on upwards when there may be no more
    private int _marks;
    private volatile Phase _phase;
    private volatile bool _wasReset;
    private Exception? _abortReason;
    private TaskCompletionSource? _closed;

    public SocketConnection(EpollTransport<TCalls> transport, EventLoop loop, int descriptor, AddressFamily family, PeerAddress peer)
    {
        _transport = transport;
        Loop = loop;
        Descriptor = descriptor;
        _family = family;
        _peer = peer;
        RunsInline = transport.Options.UnsafePreferInlineScheduling;
        _reader = new SocketReader<TCalls>(this, provesNothingByShortReads: family == AddressFamily.Unix);
        _writer = new SocketWriter<TCalls>(this);
    }

    /// <summary>Open → Disposed, by any thread; → Closing → Closed, by the loop.</summary>
    private enum Phase
    {
        /// <summary>In use.</summary>
        Open,

        /// <summary>Its owner, or its loop, is done with it: it is closed when everything was sent.</summary>
        Disposed,

        /// <summary>The descriptor is given up: nobody may use it.</summary>
        Closing,

        /// <summary>Nothing is left to do.</summary>
        Closed,
    }

    public EventLoop Loop { get; }

    public int Descriptor { get; }

    /// <summary>Whether awaiters run on the loop; set before the first read.</summary>
    public bool RunsInline { get; set; }

    /// <summary>Why the connection was aborted, or closed by its owner; null while it was not.</summary>
    public Exception? AbortReason => Volatile.Read(ref _abortReason);

    /// <summary>A system call has found that the peer has reset the connection.</summary>
    public bool WasReset => _wasReset;

    /// <summary>Bytes that one read may bring at most.</summary>
    public int MaxReadSize => _transport.MaxReadSize;

    /// <summary><see cref="EpollTransportOptions.MaxWriteBufferSize"/>.</summary>
    public long? MaxUnsentSize => _transport.Options.MaxWriteBufferSize;

    PipeReader IDuplexPipe.Input => _reader;

    PipeWriter IDuplexPipe.Output => _writer;

    IEventSource? IEventSource.NextPosted { get; set; }

    /// <summary>Has the loop watch the descriptor.</summary>
    /// <returns>0, or −errno; the connection is closed then.</returns>
    public int Start()
    {
        const uint Edges = EpollEvent.In | EpollEvent.Out | EpollEvent.ReadHangUp | EpollEvent.Urgent;
        int error = Loop.Register(this, Descriptor, Edges, out _slot);
        if (error == 0)
        {
            // Not before: what throws has counted nothing. The loop may have ended the connection by now, and uncounted
            // it: the sum is right all the same.
            Loop.CountConnection();
        }
        else
        {
            _ = Libc.Close(Descriptor);
        }

        return error;
    }

    /// <summary>RST, at once; both pipes end with the reason. The first reason wins.</summary>
    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.CompareExchange(ref _abortReason, abortReason, null) is null)
        {
            Reset();
            _writer.Terminate();
            _reader.Terminate();
            PostIfDisposed();
            OnPeerEnded();
        }
    }

    public override void Abort() => Abort(new ConnectionAbortedException("The connection was aborted by the application."));

    /// <summary>
    /// Aborts the connection because of an exception that no rule foresees: no memory, or a bug. Does not throw.
    /// </summary>
    [SuppressMessage("Design", "CA1031", Justification = "What ends a connection cannot fail.")]
    public void Fail(Exception exception)
    {
        ConnectionAbortedException reason = OutOfMemory;
        try
        {
            reason = new ConnectionAbortedException("The connection failed unexpectedly.", exception);
        }
        catch (OutOfMemoryException)
        {
            // The one that was made before.
        }

        try
        {
            Abort(reason);
        }
        catch (Exception)
        {
            // No memory to tell ConnectionClosed: the pipes have ended before that.
        }
    }

    /// <summary>What was flushed is sent, then FIN; then the connection is closed. Until the peer takes it, or somebody aborts.</summary>
    public override async ValueTask DisposeAsync()
    {
        TaskCompletionSource closed = LazyInitializer.EnsureInitialized(
            ref _closed, static () => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        MarkDisposed();
        if (_phase == Phase.Closed)
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

    /// <summary>Runs <see cref="IEventSource.OnPosted"/> on the loop, soon, and never within the caller.</summary>
    public void Post()
    {
        if (TryMark(IsPosted))
        {
            Loop.Post(this);
        }
    }

    /// <summary>Before a system call on the descriptor. Not None: <see cref="Exit"/> follows.</summary>
    public Use Enter()
    {
        if (Loop.IsCurrent)
        {
            return _phase < Phase.Closing ? Use.OnLoop : Use.None;
        }

        if (Interlocked.Increment(ref _uses) > 0)
        {
            return Use.Counted;
        }

        Exit(Use.Counted);
        return Use.None;
    }

    /// <summary>After the system call.</summary>
    public void Exit(Use use)
    {
        if (use == Use.Counted && Interlocked.Decrement(ref _uses) == NoMoreUses)
        {
            // The loop has waited for this.
            Post();
        }
    }

    /// <summary>The output has ended, and everything was sent: FIN.</summary>
    public void OnOutputEnded()
    {
        if (_reader.HasEnded && Loop.IsCurrent)
        {
            // The peer has ended too, so the close that is about to follow sends FIN as well, and saves a system call.
            // If it does not follow within this iteration, FIN is sent without it.
            if (TryMark(FinIsDue) && _phase < Phase.Closing)
            {
                Post();
            }

            return;
        }

        SendFin();
        PostIfDisposed();
    }

    private void SendFin()
    {
        if (TryMark(HasSentFin))
        {
            Use use = Enter();
            if (use != Use.None)
            {
                _ = Libc.Shutdown(Descriptor, Libc.ShutdownWrite);
                Exit(use);
            }
        }
    }

    /// <summary>A system call has found that the connection is gone.</summary>
    public void OnReset()
    {
        _wasReset = true;
        PostIfDisposed();
        OnPeerEnded();
    }

    /// <summary>The kernel had no memory, and no edge will say when it has some.</summary>
    public void RetryLater()
    {
        if (TryMark(IsRetrying))
        {
            _ = RetryAsync();
        }
    }

    Readiness IEventSource.OnEvents(uint events)
    {
        if (_extras?.Connecting is { } connecting)
        {
            OnConnected(connecting, events);
            return Readiness.None;
        }

        // First what the edges say, then the awaiters: those may close the connection.
        bool isHangUp = IsHangUp(events);
        bool isUrgent = (events & EpollEvent.Urgent) != 0;
        bool isReadable = isHangUp || isUrgent || (events & EpollEvent.In) != 0;
        if (isReadable)
        {
            _reader.NoteEdge(isHangUp || isUrgent);
        }

        if (isHangUp)
        {
            OnPeerEnded();
        }

        if ((events & (EpollEvent.Out | EpollEvent.HangUp | EpollEvent.Error)) != 0)
        {
            _writer.OnWritable();
        }

        if (!isReadable || !_reader.TryEndWait())
        {
            return Readiness.None;
        }

        return _reader.IsLargeRead ? Readiness.AtOnce : Readiness.InGroup;
    }

    void IEventSource.OnReady() => _reader.CompleteWait();

    void IEventSource.OnPosted()
    {
        // Before the look: whoever posts after it posts again.
        Interlocked.And(ref _marks, ~IsPosted);
        RunWork();
        _writer.OnPosted();
        _reader.OnPosted();
        CloseIfDue();
        if ((Volatile.Read(ref _marks) & FinIsDue) != 0 && _phase < Phase.Closing)
        {
            SendFin();
        }
    }

    void IEventSource.OnFailed(Exception exception) => Fail(exception);

    void IEventSource.OnLoopEnded(Exception reason)
    {
        Abort(new ConnectionAbortedException(reason.Message, reason));
        _extras?.Connecting?.TrySetException(new SocketException((int)SocketError.OperationAborted));
        try
        {
            _writer.OnPosted();
            _reader.OnPosted();
        }
        finally
        {
            // Even if an awaiter throws: nobody asks again.
            MarkDisposed();
            CloseIfDue();
        }
    }

    private static bool IsHangUp(uint events) => (events & (EpollEvent.ReadHangUp | EpollEvent.HangUp | EpollEvent.Error)) != 0;

    /// <inheritdoc/>
    public override string ToString() => RemoteEndPoint is IPEndPoint ip ? ip.ToString() : ConnectionId;

    private bool TryMark(int mark) => (Interlocked.Or(ref _marks, mark) & mark) == 0;

    private void MarkDisposed() => Interlocked.CompareExchange(ref _phase, Phase.Disposed, Phase.Open);

    private void PostIfDisposed()
    {
        if (_phase == Phase.Disposed)
        {
            Post();
        }
    }

    // On the loop; when the loop has ended, on the one worker of the thread pool that stands in for it. Never by two at
    // once, so the descriptor is closed once.
    private void CloseIfDue()
    {
        if (_phase != Phase.Disposed)
        {
            return;
        }

        int uses = Volatile.Read(ref _uses);
        if (uses >= 0)
        {
            uses = Interlocked.Add(ref _uses, NoMoreUses);
        }

        if (uses != NoMoreUses)
        {
            return; // the last to leave posts
        }

        // Nobody else is within the writer now, nor comes in: whoever uses the connection still harms only itself.
        _writer.OnDisposed();
        if (_writer.IsDrained && _phase == Phase.Disposed)
        {
            Close();
        }
    }

    private void Close()
    {
        Debug.Assert(_phase == Phase.Disposed && _writer.IsDrained, "closed once, when nothing is left to be sent");
        if (AbortReason is null && !_wasReset && !_reader.HasEnded)
        {
            DiscardInput();
        }

        _phase = Phase.Closing;
        _extras?.Socket?.Dispose();
        Loop.Unregister(_slot);
        _ = Libc.Close(Descriptor);
        Loop.UncountConnection();
        Interlocked.CompareExchange(ref _abortReason, WasClosed, null);
        _reader.Terminate();
        _writer.Terminate();
        OnPeerEnded();
        // Either this sees who waits for it, or that sees this.
        _phase = Phase.Closed;
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
        Use use = Enter();
        if (use == Use.None)
        {
            return;
        }

        KeepLocalEndPoint();
        // connect(2) to no address dissolves a TCP connection, and resets it where that is due; a Unix socket cannot.
        byte* unspecified = stackalloc byte[16];
        new Span<byte>(unspecified, 16).Clear();
        if (_family == AddressFamily.Unix || Libc.Connect(Descriptor, unspecified, 16) != 0)
        {
            _ = Libc.Shutdown(Descriptor, Libc.ShutdownBoth);
        }

        Exit(use);
    }

    // The reset dissolves the address with the connection, and whoever logs the end asks for it then.
    private void KeepLocalEndPoint()
    {
        try
        {
            if (_family != AddressFamily.Unix && _extras?.LocalEndPoint is null)
            {
                _ = LocalEndPoint;
            }
        }
        catch (OutOfMemoryException)
        {
            // The end itself matters more.
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "A retry that cannot be made ends the connection.")]
    private async Task RetryAsync()
    {
        try
        {
            await Task.Delay(RetryDelay, _transport.Time).ConfigureAwait(false);
            Interlocked.And(ref _marks, ~IsRetrying);
            _reader.Retry();
            _writer.Retry();
            Post();
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }
}
