using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
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

    // No server's accept queue overflows (lineserver's backlog is 512): that would cost a second each.
    private const int OpenedAtOnce = 200;

    private readonly Connection[] _connections;
    private readonly LineTemplate _outgoing;
    private readonly LineTemplate _expected;
    private readonly byte* _input = (byte*)NativeMemory.AlignedAlloc(BufferSize, 64);
    private readonly TimeSpan _replyTimeout;
    private int _opened;

    public ConnectionSet(int connections, int lineSize, TimeSpan replyTimeout)
    {
        Debug.Assert(lineSize >= LineTemplate.MinLineSize, "the numbers do not fit into the line");
        _connections = new Connection[connections];
        _outgoing = new LineTemplate(lineSize, BufferSize);
        _expected = new LineTemplate(lineSize, BufferSize);
        _replyTimeout = replyTimeout;
        LineSize = lineSize;
    }

    public EventQueue Queue { get; } = new();

    public int Count => _connections.Length;

    public int LineSize { get; }

    /// <summary>Of all connections, since they were opened.</summary>
    public long ReceivedBytes { get; private set; }

    public ref Connection this[int index] => ref _connections[index];

    /// <summary>Opens all connections; each sends one line and gets its reply, so that the server has accepted it.</summary>
    public void Open(IPEndPoint server)
    {
        while (_opened < Count)
        {
            int last = Math.Min(Count, _opened + OpenedAtOnce);
            while (_opened < last)
            {
                int index = _opened;
                int socket = Connect(server, index);
                _connections[index].Socket = socket;
                _connections[index].TargetBytes = LineSize;
                _opened++;
                Queue.Add(socket, index);
                Send(index);
            }

            AwaitReplies(taken: null);
        }
    }

    /// <summary>Waits until every byte that may be sent has come back.</summary>
    /// <param name="taken">Called with a connection for which something came; it may raise its target.</param>
    /// <exception cref="RunFailedException">Nothing has come for the reply timeout: something was lost.</exception>
    public void AwaitReplies(Action<int>? taken)
    {
        long progress = Clock.Now;
        while (FindUnanswered() is int unanswered and >= 0)
        {
            long left = (long)_replyTimeout.TotalNanoseconds - (Clock.Now - progress);
            if (left <= 0)
            {
                throw Lost(unanswered);
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

    /// <summary>Takes what has come for a connection, and checks it.</summary>
    /// <returns>Whether anything came.</returns>
    /// <exception cref="RunFailedException">It is not what was sent, or the connection is lost.</exception>
    public bool Receive(int index, uint events)
    {
        if ((events & ~EventQueue.Out) == 0)
        {
            return false;
        }

        // With a FIN or a reset there is one edge for all: a short read is the end only without them.
        bool toTheEnd = (events & (EventQueue.PeerHangUp | EventQueue.HangUp | EventQueue.Error)) != 0;
        ref Connection connection = ref _connections[index];
        bool any = false;
        while (true)
        {
            nint got = Libc.Receive(connection.Socket, _input, BufferSize, 0);
            if (got > 0)
            {
                Check(index, ref connection, (int)got);
                connection.ReceivedBytes += got;
                ReceivedBytes += got;
                any = true;
                if (got < BufferSize && !toTheEnd)
                {
                    return true;
                }
            }
            else if (got == 0)
            {
                throw new RunFailedException($"connection {index} was closed by the server after {Describe(connection)}");
            }
            else if (Marshal.GetLastSystemError() is var error and not Libc.EINTR)
            {
                return error == Libc.EAGAIN ? any : throw LostConnection(index, connection, error);
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
            nint sent = Libc.Send(connection.Socket, _outgoing.Write(index, connection.SentBytes, size), size, Libc.NoSignal);
            if (sent >= 0)
            {
                connection.SentBytes += sent;
                if (sent < size)
                {
                    return;
                }
            }
            else if (Marshal.GetLastSystemError() is var error and not Libc.EINTR)
            {
                if (error == Libc.EAGAIN)
                {
                    return;
                }

                throw LostConnection(index, connection, error);
            }
        }
    }

    /// <summary>Nothing more is sent but the rest of lines that have begun.</summary>
    public void StopSending()
    {
        foreach (ref Connection connection in _connections.AsSpan())
        {
            connection.TargetBytes = (connection.SentBytes + LineSize - 1) / LineSize * LineSize;
        }
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

    private static int Connect(IPEndPoint server, int index)
    {
        int socket = Libc.Socket(Libc.AddressFamilyInet, Libc.SocketStream | Libc.CloseOnExec, 0);
        if (socket < 0)
        {
            int error = Marshal.GetLastSystemError();
            throw new RunFailedException(error == Libc.EMFILE
                ? $"no descriptor is left for connection {index}: raise the limit (ulimit -n)"
                : $"cannot make a socket for connection {index}: errno {error}");
        }

        // struct sockaddr_in of <netinet/in.h>.
        byte* address = stackalloc byte[16];
        var span = new Span<byte>(address, 16);
        span.Clear();
        BinaryPrimitives.WriteInt16LittleEndian(span, Libc.AddressFamilyInet);
        BinaryPrimitives.WriteUInt16BigEndian(span[2..], (ushort)server.Port);
        _ = server.Address.TryWriteBytes(span[4..], out _);
        if (Libc.Connect(socket, address, span.Length) != 0)
        {
            int error = Marshal.GetLastSystemError();
            _ = Libc.Close(socket);
            throw new RunFailedException($"connection {index} to {server} failed: errno {error}");
        }

        int on = 1;
        _ = Libc.SetSocketOption(socket, Libc.LevelTcp, Libc.TcpNoDelay, &on, sizeof(int));
        _ = Libc.FileControl(socket, Libc.SetFlags, Libc.NonBlocking);
        return socket;
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
        byte* expected = _expected.Write(index, connection.ReceivedBytes, size);
        if (!new ReadOnlySpan<byte>(_input, size).SequenceEqual(new ReadOnlySpan<byte>(expected, size)))
        {
            throw Wrong(index, connection, new ReadOnlySpan<byte>(_input, got), new ReadOnlySpan<byte>(expected, size));
        }

        if (got > outstanding)
        {
            string surplus = Escape(new ReadOnlySpan<byte>(_input + size, got - size));
            throw new RunFailedException($"connection {index}: {got - size} bytes came that nothing was sent for, after {Describe(connection)}: '{surplus}'");
        }
    }

    private RunFailedException Wrong(int index, in Connection connection, ReadOnlySpan<byte> came, ReadOnlySpan<byte> expected)
    {
        long place = connection.ReceivedBytes + came.CommonPrefixLength(expected);
        long line = place / LineSize;

        // From the start of the line that differs, if that came with this read.
        int start = (int)Math.Max(0, (line * LineSize) - connection.ReceivedBytes);
        ReadOnlySpan<byte> cameLine = came[start..], expectedLine = expected[start..];
        string which = LineTemplate.TryRead(cameLine, out uint otherConnection, out uint number) && (number, otherConnection) != ((uint)line, (uint)index)
            ? $"that is line {number} of connection {otherConnection}: one was lost, or they are out of order"
            : "a byte is wrong";
        return new($"connection {index}, line {line}, byte {place % LineSize}: expected '{Escape(Start(expectedLine))}', came '{Escape(Start(cameLine))}'; {which}");
    }

    private ReadOnlySpan<byte> Start(ReadOnlySpan<byte> line) => line[..Math.Min(line.Length, Math.Min(LineSize, 64))];

    private RunFailedException Lost(int index)
    {
        ref Connection connection = ref _connections[index];
        int waiting = 0;
        foreach (ref readonly Connection other in _connections.AsSpan(0, _opened))
        {
            waiting += other.ReceivedBytes < other.TargetBytes ? 1 : 0;
        }

        return new(
            $"connection {index}: the reply to line {connection.ReceivedBytes / LineSize} was lost: nothing came for {_replyTimeout.TotalSeconds:0.###} s, " +
            $"after {Describe(connection)}; {waiting} of {_opened} connections wait");
    }

    private RunFailedException LostConnection(int index, in Connection connection, int error) => new($"connection {index} was lost after {Describe(connection)}: errno {error}");

    private string Describe(in Connection connection) => $"{connection.SentBytes / LineSize} lines sent and {connection.ReceivedBytes / LineSize} replies";

    private static string Escape(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        foreach (byte b in bytes[..Math.Min(bytes.Length, 80)])
        {
            _ = b switch
            {
                (byte)'\n' => text.Append("\\n"),
                >= 0x20 and < 0x7F => text.Append((char)b),
                _ => text.Append($"\\x{b:x2}"),
            };
        }

        return text.ToString();
    }
}
