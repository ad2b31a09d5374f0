using System.Diagnostics.CodeAnalysis;
using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Adapts a <see cref="LineHandler"/> whose lines do not depend on each other: several of a connection are pending at
/// once, and the connection is read on. Replies leave in the order of the lines.
/// </summary>
/// <remarks>
/// Only the first of the pending lines is watched: until it has ended, the replies to the others have to wait. The loop
/// takes the lines that have ended before it sends, and joins the first when as many are pending as may be, or when
/// it reads no more.
/// </remarks>
internal sealed class ConcurrentHandler(LineHandler handler, ConnectionLoop loop, TransportOutput output) : LineBatchHandler
{
    private const int SmallestRing = 4;

    // What an idle connection may keep: some 11 KB of empty lines. Larger bursts make new ones.
    private const int LargestRestingRing = 64;

    private readonly int _maxLines = loop.Endpoint.Options.MaxConcurrentLines;
    private PendingLine?[] _ring = []; // its size is a power of two
    private int _first;
    private int _count;
    private bool _hasFailed; // replies are dropped

    public override bool NeverBlocks => handler.NeverBlocks;

    internal override LineHandlerBase Made => handler;

    /// <summary>True if lines have begun whose replies have not had their turn.</summary>
    public bool HasPending => _count > 0;

    /// <summary>The first pending line's handler.</summary>
    public ValueTask First => At(0).Task;

    /// <summary>Until when the first pending line's handler has time.</summary>
    public long Deadline => At(0).Deadline;

    /// <summary>The bytes held for the pending lines.</summary>
    public int HeldBytes
    {
        get
        {
            long held = 0;
            for (int i = 0; i < _count; i++)
            {
                held += At(i).HeldBytes;
            }

            return (int)Math.Min(held, int.MaxValue / 2); // other bytes are added
        }
    }

    public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken) =>
        handler.OnConnectedAsync(output, cancellationToken);

    public override ValueTask OnBatch(LineBatch batch)
    {
        CancellationToken aborted = loop.Connection.Aborted;
        while (true)
        {
            TakeEnded();
            if (_count == _maxLines)
            {
                return BeginJoin();
            }

            if (!batch.TryRead(out Line line))
            {
                return default;
            }

            Begin(line, aborted);
        }
    }

    public override void OnWake(LineOutput output) => handler.OnWake(output);

    public override ValueTask OnLinesEndedAsync(CloseReason reason, CancellationToken cancellationToken) =>
        handler.OnLinesEndedAsync(reason, cancellationToken);

    public override void OnClosing(CloseReason reason, LineOutput output) => handler.OnClosing(reason, output);

    public override ValueTask OnDisconnectedAsync(CloseReason reason) => handler.OnDisconnectedAsync(reason);

    /// <summary>Moves the replies to lines that have ended to the output, in order.</summary>
    /// <remarks>Throws what the handler has thrown, after the replies to lines before that.</remarks>
    public void TakeEnded()
    {
        while (_count > 0 && loop.HasEnded(At(0).Task))
        {
            Take();
        }
    }

    /// <summary>The loop is about to await the first pending line's handler, and takes the line then.</summary>
    public ValueTask BeginJoin()
    {
        PendingLine line = At(0);
        ValueTask task = line.Task;
        line.Task = default; // a task may be awaited only once
        return task;
    }

    /// <summary>The connection has failed, with a line or otherwise: the replies to later lines are dropped.</summary>
    public void Fail()
    {
        _hasFailed = true;
        loop.UseReplies(null);
    }

    /// <summary>The connection waits, and no line is pending: keeps little memory.</summary>
    public void Rest()
    {
        foreach (PendingLine? line in _ring)
        {
            line?.Release();
        }

        if (_ring.Length > LargestRestingRing)
        {
            _ring = [];
            _first = 0;
        }
    }

    internal override void Attach(LineConnection connection) => handler.Attach(connection);

    [SuppressMessage("Design", "CA1031", Justification = "It has its turn when the lines before it have ended.")]
    private void Begin(in Line line, CancellationToken aborted)
    {
        PendingLine pending = Add();
        LineMemory copy = pending.Copy(line);
        loop.WatchHandler();
        pending.Deadline = loop.Endpoint.Connections.DeadlineAfter(loop.Endpoint.Limits.HandlerTimeout);
        try
        {
            pending.Task = handler.OnLineAsync(copy, pending.Replies, aborted);
        }
        catch (Exception e)
        {
            pending.Task = ValueTask.FromException(e);
        }
    }

    private PendingLine Add()
    {
        if (_count == _ring.Length)
        {
            Grow();
        }

        ref PendingLine? line = ref _ring[(_first + _count) & (_ring.Length - 1)];
        line ??= new PendingLine(loop.Endpoint.Format.Delimiter);
        _count++;
        if (_count == 1)
        {
            loop.UseReplies(line.Replies);
        }

        return line;
    }

    private void Take()
    {
        PendingLine line = At(0);
        if (_hasFailed)
        {
            line.Release();
        }
        else
        {
            line.Replies.FinishTo(output);
        }

        ValueTask task = line.Task;
        line.Task = default;
        _first = (_first + 1) & (_ring.Length - 1);
        _count--;
        loop.UseReplies(_count > 0 && !_hasFailed ? At(0).Replies : null);
        loop.TakeResult(task);
    }

    private void Grow()
    {
        var larger = new PendingLine?[Math.Max(_ring.Length * 2, SmallestRing)];
        for (int i = 0; i < _count; i++)
        {
            larger[i] = At(i);
        }

        _ring = larger;
        _first = 0;
    }

    private PendingLine At(int index) => _ring[(_first + index) & (_ring.Length - 1)]!;
}
