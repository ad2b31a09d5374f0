using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A connection: its descriptor, from accept to close, and its two pipes. One object where Kestrel's sockets
/// have several, because thousands of connections may be idle.
/// </summary>
/// <remarks>
/// <para>
/// The loop closes the descriptor, once, when no other thread is within a system call on it: otherwise the
/// call might hit a reused number. The loop gives up the buffers there too: an array returned twice would
/// show one client the bytes of another. <see cref="Enter"/> and <see cref="Exit"/> count the uses by other
/// threads; the loop's own need no count.
/// </para>
/// <para>
/// It ends in three steps. <see cref="Abort(ConnectionAbortedException)"/>, which is optional: RST, and both
/// pipes end with the reason. <see cref="DisposeAsync"/>: flushed bytes are sent, then FIN.
/// <see cref="Close"/>, on the loop.
/// </para>
/// </remarks>
internal sealed partial class SocketConnection<TCalls> : ConnectionContext, IEventSource, IDuplexPipe, IWaitScheduler
    where TCalls : struct, ISystemCalls
{
    private const int NoMoreUses = int.MinValue / 2;

    // How many bytes to receive and discard before the close. Unread input would turn the close into RST,
    // which may destroy what was sent.
    private const int MaxDiscarded = 1024 * 1024;

    // Each mark prevents an action from being taken twice; IsPosted and IsRetrying are cleared again.
    private const int IsPosted = 1;
    private const int IsRetrying = 2;
    private const int HasSentFin = 4;
    private const int FinIsDue = 8;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(10);

    // Created in advance, for when memory runs out.
    private static readonly ConnectionAbortedException OutOfMemory = new("There was no memory left for the connection.");

    private static readonly ConnectionAbortedException WasClosed = new("The connection was closed.");

    private readonly EpollTransport<TCalls> _transport;
    private readonly SocketReader<TCalls> _reader;
    private readonly SocketWriter<TCalls> _writer;
    private readonly PeerAddress _peer;
    private readonly AddressFamily _family;
    private int _slot = -1;
    private int _uses; // calls under way on other threads; plus NoMoreUses once no more may begin
    private int _marks;
    private volatile Phase _phase;
    private volatile Errno _lossError; // None until a system call finds that the connection is lost
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

    /// <summary>Open → Disposed by any thread, → Closing → Closed by the loop.</summary>
    private enum Phase
    {
        /// <summary>In use.</summary>
        Open,

        /// <summary>The owner or the loop is done with it. It closes once everything is sent.</summary>
        Disposed,

        /// <summary>The descriptor is being closed and must not be used.</summary>
        Closing,

        /// <summary>The descriptor is closed, and both pipes have ended.</summary>
        Closed,
    }

    public EventLoop Loop { get; }

    public int Descriptor { get; }

    /// <summary>Whether awaiters run on the loop. Set it before the first read.</summary>
    public bool RunsInline { get; set; }

    /// <summary>Why the connection was aborted, or closed by its owner; null until then.</summary>
    public Exception? AbortReason => Volatile.Read(ref _abortReason);

    /// <summary>True if a system call found that the connection is lost.</summary>
    public bool IsLost => _lossError != Errno.None;

    /// <summary>
    /// True if it was lost, but neither reset nor closed by the peer. A flush throws then, as on Kestrel's sockets.
    /// </summary>
    public bool IsLostByNetwork => _lossError is not (Errno.None or Errno.ECONNRESET or Errno.EPIPE);

    /// <summary>The maximum number of bytes in one read.</summary>
    public int MaxReadSize => _transport.MaxReadSize;

    /// <summary><see cref="EpollTransportOptions.MaxWriteBufferSize"/>.</summary>
    public long? MaxUnsentSize => _transport.Options.MaxWriteBufferSize;

    PipeReader IDuplexPipe.Input => _reader;

    PipeWriter IDuplexPipe.Output => _writer;

    IEventSource? IEventSource.NextPosted { get; set; }

    /// <summary>Registers the descriptor with the loop.</summary>
    /// <returns>0, or −errno, in which case the descriptor is closed.</returns>
    public int Start()
    {
        const uint Edges = EpollEvent.In | EpollEvent.Out | EpollEvent.ReadHangUp | EpollEvent.Urgent;
        int error = Loop.Register(this, Descriptor, Edges, out _slot);
        if (error == 0)
        {
            // Count only now, because Register may throw. If the loop has ended the connection and uncounted
            // it by now, the sum is still right.
            Loop.CountConnection();
        }
        else
        {
            _ = Libc.Close(Descriptor);
        }

        return error;
    }

    /// <summary>Sends RST at once; both pipes end with the reason. The first reason wins.</summary>
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
    /// Aborts the connection after an unexpected exception: out of memory, or a bug. Catches what the abort
    /// throws.
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
            // Use the one created in advance.
        }

        try
        {
            Abort(reason);
        }
        catch (Exception)
        {
            // There was no memory to cancel ConnectionClosed; the pipes have ended before that.
        }
    }

    /// <summary>
    /// Sends flushed bytes, then FIN, then closes. The task ends when the peer has taken the bytes, or on an
    /// abort.
    /// </summary>
    public override async ValueTask DisposeAsync()
    {
        TaskCompletionSource closed = LazyInitializer.EnsureInitialized(
            ref _closed, static () => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        MarkDisposed();
        if (_phase == Phase.Closed)
        {
            // It closed with its loop, which no longer runs anything.
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

    /// <summary>
    /// Makes the loop call <see cref="IEventSource.OnPosted"/> soon, but never within this call.
    /// </summary>
    public void Post()
    {
        if (TryMark(IsPosted))
        {
            Loop.Post(this);
        }
    }

    /// <summary>
    /// Call it before a system call on the descriptor. Unless it returns None, <see cref="Exit"/> must
    /// follow.
    /// </summary>
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

    /// <summary>Call it after the system call, with what <see cref="Enter"/> returned.</summary>
    public void Exit(Use use)
    {
        if (use == Use.Counted && Interlocked.Decrement(ref _uses) == NoMoreUses)
        {
            // The loop is waiting for this to close the descriptor.
            Post();
        }
    }

    /// <summary>The output is complete and everything is sent: sends FIN.</summary>
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

    /// <summary>
    /// A system call found that the connection is lost. The first error counts: the kernel reports it once.
    /// <see cref="OnLost"/> must follow.
    /// </summary>
    public void NoteLoss(Errno error) => Interlocked.CompareExchange(ref _lossError, error, Errno.None);

    /// <summary>The exception for a connection that <see cref="IsLost"/>.</summary>
    public ConnectionResetException DescribeLoss() =>
        new($"The connection was lost: {_lossError}.", new SocketException((int)SocketErrors.FromErrno(_lossError)));

    /// <summary>The connection is lost, and the pipe that found it has noted that.</summary>
    public void OnLost()
    {
        PostIfDisposed();
        OnPeerEnded();
    }

    /// <summary>
    /// The kernel was out of memory. No edge reports when it has some, so a timer tries again.
    /// </summary>
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

        // First record what the edges say, then run awaiters, which may close the connection, or block: then another thread
        // has taken over the loop, and runs what is posted.
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
            if (!Loop.IsCurrent)
            {
                Post();
                return Readiness.None;
            }
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
        // Clear the mark before looking: whoever posts after the look must post again.
        Interlocked.And(ref _marks, ~IsPosted);
        bool isCurrent = Loop.IsCurrent;
        _writer.OnPosted();
        _reader.OnPosted();
        if (isCurrent && !Loop.IsCurrent)
        {
            Post();
            return;
        }

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
            // Do it even if an awaiter threw: nothing else will close the connection.
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

    // Runs on the loop or, after the loop has ended, on the one thread-pool worker that stands in for it.
    // Never on two threads at once, so the descriptor is closed once.
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
            return; // the last Exit posts
        }

        // No other thread is within the writer, and none can enter. A caller that keeps using the connection
        // harms only itself.
        _writer.OnDisposed();
        if (_writer.IsDrained && _phase == Phase.Disposed)
        {
            Close();
        }
    }

    private void Close()
    {
        Debug.Assert(_phase == Phase.Disposed && _writer.IsDrained, "closed once, when nothing is left to be sent");
        if (AbortReason is null && !IsLost && !_reader.HasEnded)
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
        // Either this sees the waiting DisposeAsync, or DisposeAsync sees Closed.
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

    /// <summary>Sends RST now. Closing would send it too, but the descriptor may be in use.</summary>
    private unsafe void Reset()
    {
        Use use = Enter();
        if (use == Use.None)
        {
            return;
        }

        KeepLocalEndPoint();
        // connect(2) to AF_UNSPEC dissolves a TCP connection, with RST where due. It does not work for Unix
        // sockets.
        byte* unspecified = stackalloc byte[16];
        new Span<byte>(unspecified, 16).Clear();
        if (_family == AddressFamily.Unix || Libc.Connect(Descriptor, unspecified, 16) != 0)
        {
            _ = Libc.Shutdown(Descriptor, Libc.ShutdownBoth);
        }

        Exit(use);
    }

    // The reset dissolves the local address, and the log message about the end still needs it.
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
            // Ending the connection matters more than its address.
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
