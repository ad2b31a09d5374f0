using System.Diagnostics;
using System.Runtime.InteropServices;
using LineServer.Linux;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Connections to a server on raw sockets that do not block, one event queue, and the check of every byte that comes back. For one thread. Nothing is
/// allocated once they are open.
/// </summary>
internal sealed unsafe class ConnectionSet : IDisposable
{
    // One receive or send takes at most this much: more than the servers that are measured take, and it stays in the second-level cache.
    private const int BufferSize = 128 * 1024;

    private const int BytesShown = 64;

    // No server's accept queue overflows (lineserver's backlog is 512): that would cost a second each.
    private const int OpenedAtOnce = 200;

    // Reply timeouts that all replies to what is on its way may take together.
    private const int LongestWait = 6;

    private readonly TargetAddress _server;
    private readonly int _firstNumber;
    private readonly int _numbersAt;
    private readonly Connection[] _connections;
    private readonly LineTemplate _outgoing;
    private readonly LineTemplate _expected;
    private readonly byte* _input = (byte*)NativeMemory.AlignedAlloc(BufferSize, 64);
    private readonly TimeSpan _replyTimeout;
    private int _opened;

    /// <param name="server">Where they go.</param>
    /// <param name="connections">How many there may be.</param>
    /// <param name="lines">The sizes of the lines of each.</param>
    /// <param name="replyTimeout">When nothing comes for so long, a reply was lost.</param>
    /// <param name="firstNumber">The number of the first connection, as its lines say it: no two connections to a server should have the same.</param>
    public ConnectionSet(TargetAddress server, int connections, LineSizes lines, TimeSpan replyTimeout, int firstNumber = 0)
    {
        (_server, _replyTimeout, _firstNumber, Lines) = (server, replyTimeout, firstNumber, lines);
        _connections = new Connection[connections];
        (LineForm request, LineForm reply) = server.Protocol.Forms(lines.Largest);
        _outgoing = new LineTemplate(lines, BufferSize, request);
        _expected = new LineTemplate(lines, BufferSize, reply);
        _numbersAt = reply.Before.Length;
    }

    public EventQueue Queue { get; } = new();

    public int Count => _connections.Length;

    public LineSizes Lines { get; }

    public ref Connection this[int index] => ref _connections[index];

    /// <summary>Opens all connections; each sends one line and gets its reply, so that the server has accepted it.</summary>
    public void Open() => Open(Count);

    /// <summary>Opens connections until there are so many; each sends one line and gets its reply, so that the server has accepted it.</summary>
    public void Open(int count)
    {
        while (_opened < count)
        {
            int first = _opened;
            Connect(Math.Min(count, _opened + OpenedAtOnce));
            for (int index = first; index < _opened; index++)
            {
                _connections[index].TargetBytes = Lines.StartOf(1);
                Send(index);
            }

            AwaitReplies(taken: null);
        }
    }

    /// <summary>Connects until there are so many connections. Nothing is sent.</summary>
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

    /// <summary>Replies that have come whole, of all connections since they were opened.</summary>
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
    /// <param name="taken">Called with a connection for which something came; it may raise its target.</param>
    /// <exception cref="RunFailedException">Nothing has come for the reply timeout: something was lost. Or what comes, comes too slowly.</exception>
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
                throw new RunFailedException($"connection {_firstNumber + unanswered}: replies come, but after {(Clock.Now - start) / 1e9:0} s not all; {CountWaiting()} of {_opened} connections wait");
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

    /// <summary>Lines that were sent whole, of all connections since they were opened.</summary>
    public long CountSent()
    {
        long lines = 0;
        foreach (ref readonly Connection connection in _connections.AsSpan(0, _opened))
        {
            lines += Lines.LineAt(connection.SentBytes);
        }

        return lines;
    }

    /// <summary>Takes what has come for a connection, and checks it.</summary>
    /// <returns>Whether anything came.</returns>
    /// <exception cref="RunFailedException">It is not what was sent, or the connection is lost.</exception>
    public bool Receive(int index, uint events)
    {
        if ((events & ~EventQueue.Out) == 0)
        {
            return false;
        }

        // With a FIN or a reset there is one edge for all: a short read is the end only without them. On a Unix socket it is never known to be the end.
        bool toTheEnd = !_server.IsTcp || (events & (EventQueue.PeerHangUp | EventQueue.HangUp | EventQueue.Error)) != 0;
        ref Connection connection = ref _connections[index];
        bool any = false;
        while (true)
        {
            nint got = Libc.Receive(connection.Socket, _input, BufferSize, 0);
            if (got > 0)
            {
                Check(index, ref connection, (int)got);
                connection.ReceivedBytes += got;
                any = true;
                if (got < BufferSize && !toTheEnd)
                {
                    return true;
                }
            }
            else if (got == 0)
            {
                throw new RunFailedException($"connection {_firstNumber + index} was closed by the server after {Describe(connection)}");
            }
            else if (Marshal.GetLastSystemError() is var error and not (int)Errno.EINTR)
            {
                return error == (int)Errno.EAGAIN ? any : throw LostConnection(index, connection, error);
            }
        }
    }

    /// <summary>Sends up to the connection's target, or what the socket takes; an event tells when it takes more.</summary>
    public void Send(int index)
    {
        ref Connection connection = ref _connections[index];
        while (connection.SentBytes < connection.TargetBytes)
        {
            int size = (int)Math.Min(BufferSize, connection.TargetBytes - connection.SentBytes);
            nint sent = Libc.Send(connection.Socket, _outgoing.Write(_firstNumber + index, connection.SentBytes, size), size, Libc.NoSignal);
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

    /// <summary>Sends on, up to one buffer, wherever in a line that may end.</summary>
    /// <returns>Whether the socket took it all; otherwise an event tells when it takes more.</returns>
    public bool SendBuffer(int index)
    {
        ref Connection connection = ref _connections[index];
        connection.TargetBytes = connection.SentBytes + BufferSize;
        Send(index);
        return connection.SentBytes == connection.TargetBytes;
    }

    /// <summary>Nothing more is sent but the rest of lines that have begun.</summary>
    public void StopSending()
    {
        foreach (ref Connection connection in _connections.AsSpan())
        {
            connection.TargetBytes = Lines.RoundUp(connection.SentBytes);
        }
    }

    /// <summary>Takes what has come for connections that nobody waits for. Nothing should have: then it is known that they are still open.</summary>
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
    /// Ends every connection, once all of its lines are sent, and waits until the server has ended it too. It does that when it has read all, so no line is
    /// on its way then.
    /// </summary>
    /// <exception cref="RunFailedException">The server does not end one, or sends something, or breaks one off.</exception>
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
                    $"connection {_firstNumber + index}: the server did not close it, {_replyTimeout.TotalSeconds:0.###} s after " +
                    $"{(isShut[index] ? $"its end and {Lines.LineAt(_connections[index].SentBytes)} lines" : "it took the last bytes")}; {open} of {Count} connections are open");
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

    /// <summary>Whether the server has ended a connection on which it sends nothing.</summary>
    /// <exception cref="RunFailedException">It has sent something, or the connection is broken off.</exception>
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
                $"connection {_firstNumber + index}: '{Escaped.Text(new ReadOnlySpan<byte>(_input, (int)got))}' came, from a server that should discard lines and send nothing");
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

    private void Check(int index, ref Connection connection, int got)
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
            throw new RunFailedException($"connection {_firstNumber + index}: {got - size} bytes came that nothing was sent for, after {Describe(connection)}: '{surplus}'");
        }
    }

    private RunFailedException Wrong(int index, in Connection connection, ReadOnlySpan<byte> came, ReadOnlySpan<byte> expected)
    {
        long place = connection.ReceivedBytes + came.CommonPrefixLength(expected);
        long line = Lines.LineAt(place), lineStart = Lines.StartOf(line);
        int number = _firstNumber + index;

        // From the start of the line that differs, if that came with this read.
        int start = (int)Math.Max(0, lineStart - connection.ReceivedBytes);
        int shown = Math.Min(Lines.SizeOf(line), BytesShown);
        ReadOnlySpan<byte> cameLine = came[start..], expectedLine = expected[start..];
        bool isWhole = lineStart >= connection.ReceivedBytes;
        string which = isWhole && LineTemplate.TryRead(cameLine[Math.Min(_numbersAt, cameLine.Length)..], (uint)number, (uint)line, out uint otherConnection, out uint otherLine) && (otherLine, otherConnection) != ((uint)line, (uint)number)
            ? $"that is line {otherLine} of connection {otherConnection}: one was lost, or they are out of order"
            : "a byte is wrong";
        return new($"connection {number}, line {line}, byte {place - lineStart}: expected '{Escaped.Text(Start(expectedLine, shown))}', came '{Escaped.Text(Start(cameLine, shown))}'; {which}");
    }

    private static ReadOnlySpan<byte> Start(ReadOnlySpan<byte> line, int size) => line[..Math.Min(line.Length, size)];

    private RunFailedException Lost(int index)
    {
        ref Connection connection = ref _connections[index];
        return new(
            $"connection {_firstNumber + index}: the reply to line {Lines.LineAt(connection.ReceivedBytes)} was lost: nothing came for {_replyTimeout.TotalSeconds:0.###} s, " +
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

    private RunFailedException LostConnection(int index, in Connection connection, int error) => new($"connection {_firstNumber + index} was lost after {Describe(connection)}: {Marshal.GetPInvokeErrorMessage(error)}");

    private string Describe(in Connection connection) => $"{Lines.LineAt(connection.SentBytes)} lines sent and {Lines.LineAt(connection.ReceivedBytes)} replies";
}
