using System.Diagnostics;
using System.Runtime.InteropServices;
using LineServer.Linux;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Connections to a server, on non-blocking raw sockets with one event queue, and the check of every byte
/// that they receive. For one thread. Once the connections are open, it allocates nothing.
/// </summary>
internal sealed unsafe class ConnectionSet : IDisposable
{
    // The most that one receive or send moves: more than the measured servers move, and small enough for the
    // second-level cache.
    private const int BufferSize = 128 * 1024;

    private const int BytesShown = 64;

    // Few enough not to overflow a server's accept queue (lineserver's backlog is 512): an overflow would
    // cost a second each.
    private const int OpenedAtOnce = 200;

    // The longest wait for all outstanding replies, in reply timeouts.
    private const int LongestWait = 6;

    private readonly TargetAddress _server;
    private readonly int _firstNumber;
    private readonly int _numbersAt;
    private readonly Connection[] _connections;
    private readonly LineTemplate _outgoing;
    private readonly LineTemplate _expected;
    private readonly byte* _input = (byte*)NativeMemory.AlignedAlloc(BufferSize, 64);
    private readonly TimeSpan _replyTimeout;
    private readonly AnswerReader? _answers; // null if the lines come back
    private int _opened;

    /// <param name="server">The server's address.</param>
    /// <param name="connections">The largest number of connections.</param>
    /// <param name="lines">The line sizes on each connection.</param>
    /// <param name="replyTimeout">If nothing arrives for this time, a reply is lost.</param>
    /// <param name="firstNumber">
    /// The number of the first connection, as its lines carry it. No two connections to a server should share
    /// a number.
    /// </param>
    public ConnectionSet(
        TargetAddress server, int connections, LineSizes lines, TimeSpan replyTimeout, int firstNumber = 0)
    {
        lines = server.Protocol.OnTheWire(lines);
        (_server, _replyTimeout, _firstNumber, Lines) = (server, replyTimeout, firstNumber, lines);
        _connections = new Connection[connections];
        _answers = server.Protocol.CreateAnswers?.Invoke(connections);
        (LineForm request, LineForm reply) = server.Protocol.Forms(lines.Largest);
        _outgoing = new LineTemplate(lines, BufferSize, request);
        _expected = new LineTemplate(lines, BufferSize, reply);
        _numbersAt = reply.Before.Length;
    }

    public EventQueue Queue { get; } = new();

    public int Count => _connections.Length;

    public LineSizes Lines { get; }

    public ref Connection this[int index] => ref _connections[index];

    /// <summary>
    /// Opens all connections. Each sends one line and gets its reply, so the server has accepted it.
    /// </summary>
    public void Open() => Open(Count);

    /// <summary>
    /// Opens connections until there are <paramref name="count"/>. Each sends one line and gets its reply, so
    /// the server has accepted it.
    /// </summary>
    public void Open(int count)
    {
        while (_opened < count)
        {
            int first = _opened;
            Connect(Math.Min(count, _opened + OpenedAtOnce));
            SendOpenings(first);
            for (int index = first; index < _opened; index++)
            {
                _connections[index].TargetBytes = Lines.StartOf(1);
                Send(index);
            }

            AwaitReplies(taken: null);
        }
    }

    /// <summary>Connects until there are <paramref name="count"/> connections. Sends nothing.</summary>
    public void Connect(int count)
    {
        while (_opened < count)
        {
            int index = _opened;
            int socket = _server.Connect(_firstNumber + index);
            _connections[index].Socket = socket;
            _opened++;
            Queue.Add(socket, index);
        }
    }

    /// <summary>The number of complete replies on all connections since they were opened.</summary>
    public long CountReplies()
    {
        long replies = 0;
        foreach (ref readonly Connection connection in _connections.AsSpan(0, _opened))
        {
            replies += Lines.LineAt(connection.ReceivedBytes);
        }

        return replies;
    }

    /// <summary>Waits until every byte that may be sent has come back.</summary>
    /// <param name="taken">
    /// Called with a connection that has received something; it may raise the connection's target.
    /// </param>
    /// <exception cref="RunFailedException">
    /// Nothing arrived within the reply timeout, so something is lost; or replies arrive too slowly.
    /// </exception>
    public void AwaitReplies(Action<int>? taken)
    {
        long start = Clock.Now, progress = start;
        while (FindUnanswered() is int unanswered and >= 0)
        {
            long left = (long)_replyTimeout.TotalNanoseconds - (Clock.Now - progress);
            if (left <= 0)
            {
                throw Lost(unanswered);
            }

            if (Clock.Now - start > LongestWait * (long)_replyTimeout.TotalNanoseconds)
            {
                throw new RunFailedException(
                    $"connection {_firstNumber + unanswered}: replies arrive, " +
                    $"but not all within {(Clock.Now - start) / 1e9:0} s; {CountWaiting()} of {_opened} " +
                    "connections wait");
            }

            int ready = Queue.Wait(left);
            for (int i = 0; i < ready; i++)
            {
                int index = Queue.Connection(i);
                if (Receive(index, Queue.Events(i)))
                {
                    progress = Clock.Now;
                    taken?.Invoke(index);
                }

                Send(index);
            }
        }
    }

    /// <summary>The number of complete lines sent on all connections since they were opened.</summary>
    public long CountSent()
    {
        long lines = 0;
        foreach (ref readonly Connection connection in _connections.AsSpan(0, _opened))
        {
            lines += Lines.LineAt(connection.SentBytes);
        }

        return lines;
    }

    /// <summary>Receives what has arrived on a connection, and checks it.</summary>
    /// <returns>True if anything arrived.</returns>
    /// <exception cref="RunFailedException">The bytes are wrong, or the connection is lost.</exception>
    public bool Receive(int index, uint events)
    {
        if ((events & ~EventQueue.Out) == 0)
        {
            return false;
        }

        // A FIN or a reset may share its edge with data, so after one of these events a short read is not the
        // end. On a Unix socket a short read never is.
        bool toTheEnd = !_server.IsTcp
            || (events & (EventQueue.PeerHangUp | EventQueue.HangUp | EventQueue.Error)) != 0;
        ref Connection connection = ref _connections[index];
        bool any = false;
        while (true)
        {
            nint got = Libc.Receive(connection.Socket, _input, BufferSize, 0);
            if (got > 0)
            {
                connection.ReceivedBytes += _answers is null
                    ? Check(index, ref connection, (int)got)
                    : TakeAnswers(index, ref connection, (int)got);
                any = true;
                if (got < BufferSize && !toTheEnd)
                {
                    return true;
                }
            }
            else if (got == 0)
            {
                throw new RunFailedException(
                    $"connection {_firstNumber + index} was closed by the server after {Describe(connection)}");
            }
            else if (Marshal.GetLastSystemError() is var error and not (int)Errno.EINTR)
            {
                return error == (int)Errno.EAGAIN ? any : throw LostConnection(index, connection, error);
            }
        }
    }

    /// <summary>
    /// Sends up to the connection's target, as far as the socket takes it. An event follows when it takes
    /// more.
    /// </summary>
    public void Send(int index)
    {
        ref Connection connection = ref _connections[index];
        while (connection.SentBytes < connection.TargetBytes)
        {
            int size = (int)Math.Min(BufferSize, connection.TargetBytes - connection.SentBytes);
            nint sent = Libc.Send(
                connection.Socket,
                _outgoing.Write(_firstNumber + index, connection.SentBytes, size),
                size,
                Libc.NoSignal);
            if (sent >= 0)
            {
                connection.SentBytes += sent;
                if (sent < size)
                {
                    return;
                }
            }
            else if (Marshal.GetLastSystemError() is var error and not (int)Errno.EINTR)
            {
                if (error == (int)Errno.EAGAIN)
                {
                    return;
                }

                throw LostConnection(index, connection, error);
            }
        }
    }

    /// <summary>Sends up to the targets of all connections, as far as the sockets take it.</summary>
    /// <returns>The number of lines sent since the connections were opened; null if some are not yet sent.</returns>
    public long? SendAll()
    {
        bool isAll = true;
        for (int index = 0; index < _opened; index++)
        {
            Send(index);
            isAll &= _connections[index].SentBytes == _connections[index].TargetBytes;
        }

        return isAll ? CountSent() : null;
    }

    /// <summary>Sends one more buffer, even if that ends within a line.</summary>
    /// <returns>True if the socket took it all; otherwise an event follows when it takes more.</returns>
    public bool SendBuffer(int index)
    {
        ref Connection connection = ref _connections[index];
        connection.TargetBytes = connection.SentBytes + BufferSize;
        Send(index);
        return connection.SentBytes == connection.TargetBytes;
    }

    /// <summary>Lets each connection send only the rest of the line that it has begun.</summary>
    public void StopSending()
    {
        foreach (ref Connection connection in _connections.AsSpan())
        {
            connection.TargetBytes = Lines.RoundUp(connection.SentBytes);
        }
    }

    /// <summary>
    /// Handles the events of connections that expect nothing. If it throws nothing, they are still open.
    /// </summary>
    public void CheckOpen()
    {
        for (int ready = Queue.Wait(0); ready > 0; ready = Queue.Wait(0))
        {
            for (int i = 0; i < ready; i++)
            {
                _ = Receive(Queue.Connection(i), Queue.Events(i));
            }
        }
    }

    /// <summary>
    /// Half-closes every connection after its last line, and waits for the server's FIN. The server sends
    /// that when it has read everything, so no line is on its way then.
    /// </summary>
    /// <exception cref="RunFailedException">
    /// The server does not close a connection, sends something, or resets it.
    /// </exception>
    public void FinishOneWay()
    {
        StopSending();
        bool[] isShut = new bool[Count], hasEnded = new bool[Count];
        int open = Count;
        long progress = Clock.Now;
        for (int index = 0; index < Count; index++)
        {
            Shut(index);
        }

        while (open > 0)
        {
            long left = (long)_replyTimeout.TotalNanoseconds - (Clock.Now - progress);
            if (left <= 0)
            {
                int index = Array.IndexOf(hasEnded, false);
                throw new RunFailedException(
                    $"connection {_firstNumber + index}: the server did not close it, " +
                    $"{_replyTimeout.TotalSeconds:0.###} s after " +
                    $"{(isShut[index] ? $"our FIN and {Lines.LineAt(_connections[index].SentBytes)} lines" : "it took the last bytes")}; " +
                    $"{open} of {Count} connections are open");
            }

            int ready = Queue.Wait(left);
            for (int i = 0; i < ready; i++)
            {
                int index = Queue.Connection(i);
                long before = _connections[index].SentBytes;
                Shut(index);
                progress = _connections[index].SentBytes > before ? Clock.Now : progress;
                if (!hasEnded[index] && isShut[index] && IsEnded(index, Queue.Events(i)))
                {
                    hasEnded[index] = true;
                    progress = Clock.Now;
                    open--;
                }
            }
        }

        void Shut(int index)
        {
            Send(index);
            if (!isShut[index] && _connections[index].SentBytes == _connections[index].TargetBytes)
            {
                isShut[index] = true;
                _ = Libc.Shutdown(_connections[index].Socket, Libc.ShutdownWrite);
            }
        }
    }

    /// <summary>True if the server has closed a connection on which it should send nothing.</summary>
    /// <exception cref="RunFailedException">
    /// The server has sent something, or the connection is lost.
    /// </exception>
    public bool IsEnded(int index, uint events)
    {
        if ((events & ~EventQueue.Out) == 0)
        {
            return false;
        }

        ref Connection connection = ref _connections[index];
        nint got = Libc.Receive(connection.Socket, _input, BufferSize, 0);
        if (got > 0)
        {
            throw new RunFailedException(
                $"connection {_firstNumber + index}: '{Escaped.Text(new ReadOnlySpan<byte>(_input, (int)got))}' " +
                "arrived from a server that should discard lines and send nothing");
        }

        if (got == 0)
        {
            return true;
        }

        int error = Marshal.GetLastSystemError();
        return error == (int)Errno.EAGAIN ? false : throw LostConnection(index, connection, error);
    }

    public void Dispose()
    {
        for (int i = 0; i < _opened; i++)
        {
            _ = Libc.Close(_connections[i].Socket);
        }

        Queue.Dispose();
        _outgoing.Dispose();
        _expected.Dispose();
        NativeMemory.AlignedFree(_input);
    }

    // Lines follow when the server has answered: it says where the stream goes on.
    private void SendOpenings(int first)
    {
        if (_answers is null)
        {
            return;
        }

        for (int index = first; index < _opened; index++)
        {
            byte[] opening = _answers.OpeningOf(_firstNumber + index);
            fixed (byte* bytes = opening)
            {
                if (opening.Length > 0 && Libc.Send(_connections[index].Socket, bytes, opening.Length, Libc.NoSignal) != opening.Length)
                {
                    throw new RunFailedException($"connection {_firstNumber + index}: its opening could not be sent");
                }
            }
        }

        long start = Clock.Now;
        for (int index = first; index < _opened; index++)
        {
            while (!_answers.HasOpened(index))
            {
                long left = (long)_replyTimeout.TotalNanoseconds - (Clock.Now - start);
                if (left <= 0)
                {
                    throw new RunFailedException(
                        $"connection {_firstNumber + index}: its opening was not answered for {_replyTimeout.TotalSeconds:0.###} s");
                }

                int ready = Queue.Wait(left);
                for (int i = 0; i < ready; i++)
                {
                    _ = Receive(Queue.Connection(i), Queue.Events(i));
                }
            }
        }
    }

    // What counts as received is the lines that were answered.
    private long TakeAnswers(int index, ref Connection connection, int got)
    {
        long sent = Lines.LineAt(connection.SentBytes), answered = Lines.LineAt(connection.ReceivedBytes);
        try
        {
            answered = _answers!.Take(index, new ReadOnlySpan<byte>(_input, got), sent, answered);
        }
        catch (RunFailedException e)
        {
            throw new RunFailedException($"connection {_firstNumber + index}: {e.Message}, after {Describe(connection)}");
        }

        return Lines.StartOf(answered) - connection.ReceivedBytes;
    }

    private int FindUnanswered()
    {
        for (int i = 0; i < _opened; i++)
        {
            if (_connections[i].ReceivedBytes < _connections[i].TargetBytes)
            {
                return i;
            }
        }

        return -1;
    }

    private int Check(int index, ref Connection connection, int got)
    {
        long outstanding = connection.SentBytes - connection.ReceivedBytes;
        int size = (int)Math.Min(got, outstanding);
        byte* expected = _expected.Write(_firstNumber + index, connection.ReceivedBytes, size);
        if (!new ReadOnlySpan<byte>(_input, size).SequenceEqual(new ReadOnlySpan<byte>(expected, size)))
        {
            throw Wrong(index, connection, new ReadOnlySpan<byte>(_input, got), new ReadOnlySpan<byte>(expected, size));
        }

        if (got > outstanding)
        {
            string surplus = Escaped.Text(new ReadOnlySpan<byte>(_input + size, got - size));
            throw new RunFailedException(
                $"connection {_firstNumber + index}: {got - size} surplus bytes after {Describe(connection)}: " +
                $"'{surplus}'");
        }

        return got;
    }

    private RunFailedException Wrong(
        int index, in Connection connection, ReadOnlySpan<byte> came, ReadOnlySpan<byte> expected)
    {
        long place = connection.ReceivedBytes + came.CommonPrefixLength(expected);
        long line = Lines.LineAt(place), lineStart = Lines.StartOf(line);
        int number = _firstNumber + index;

        // Shows the wrong line from its start, if this read has it.
        int start = (int)Math.Max(0, lineStart - connection.ReceivedBytes);
        int shown = Math.Min(Lines.SizeOf(line), BytesShown);
        ReadOnlySpan<byte> cameLine = came[start..], expectedLine = expected[start..];
        bool isWhole = lineStart >= connection.ReceivedBytes;
        string which = isWhole
            && LineTemplate.TryRead(
                cameLine[Math.Min(_numbersAt, cameLine.Length)..],
                (uint)number,
                (uint)line,
                out uint otherConnection,
                out uint otherLine)
            && (otherLine, otherConnection) != ((uint)line, (uint)number)
            ? $"that is line {otherLine} of connection {otherConnection}: one was lost, or they are out of order"
            : "a byte is wrong";
        return new(
            $"connection {number}, line {line}, byte {place - lineStart}: " +
            $"expected '{Escaped.Text(Start(expectedLine, shown))}', got '{Escaped.Text(Start(cameLine, shown))}'; " +
            $"{which}");
    }

    private static ReadOnlySpan<byte> Start(ReadOnlySpan<byte> line, int size) => line[..Math.Min(line.Length, size)];

    private RunFailedException Lost(int index)
    {
        ref Connection connection = ref _connections[index];
        return new(
            $"connection {_firstNumber + index}: the reply to line {Lines.LineAt(connection.ReceivedBytes)} was " +
            $"lost: nothing arrived for {_replyTimeout.TotalSeconds:0.###} s, " +
            $"after {Describe(connection)}; {CountWaiting()} of {_opened} connections wait");
    }

    private int CountWaiting()
    {
        int waiting = 0;
        foreach (ref readonly Connection connection in _connections.AsSpan(0, _opened))
        {
            waiting += connection.ReceivedBytes < connection.TargetBytes ? 1 : 0;
        }

        return waiting;
    }

    private RunFailedException LostConnection(int index, in Connection connection, int error) => new(
        $"connection {_firstNumber + index} was lost after {Describe(connection)}: " +
        $"{Marshal.GetPInvokeErrorMessage(error)}");

    private string Describe(in Connection connection) =>
        $"{Lines.LineAt(connection.SentBytes)} lines sent and {Lines.LineAt(connection.ReceivedBytes)} replies";
}
