using System.Net;
using System.Net.Sockets;

namespace LineServer.Perf.Servers;

/// <summary>
/// A line echo server that makes a mistake in one of every N lines, to show that lineperf detects it. It has
/// one thread per connection, and sends back each read, up to its last LF, in one piece.
/// </summary>
internal sealed class WrongServer : IDisposable
{
    private const int BufferSize = 256 * 1024;
    private const byte FlippedBit = 1;

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _connections = [];
    private readonly Fault _fault;
    private readonly long _every;
    private long _lines;
    private long _faults;

    /// <param name="port">The port on 127.0.0.1; 0 for a free one.</param>
    /// <param name="fault">The kind of mistake.</param>
    /// <param name="every">One mistake in this many lines, counted over all connections.</param>
    public WrongServer(int port, Fault fault, long every)
    {
        (_fault, _every) = (fault, every);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        _listener.Listen(512);
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    /// <summary>The number of mistakes so far.</summary>
    public long Faults => Volatile.Read(ref _faults);

    /// <summary>Serves until the server is disposed.</summary>
    public void Serve()
    {
        try
        {
            while (true)
            {
                Socket connection = _listener.Accept();
                lock (_connections)
                {
                    _connections.Add(connection);
                }

                new Thread(() => Serve(connection)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        lock (_connections)
        {
            _connections.ForEach(connection => connection.Dispose());
        }
    }

    private void Serve(Socket connection)
    {
        byte[] buffer = new byte[BufferSize];
        int held = 0;
        try
        {
            connection.NoDelay = true;
            while (connection.Receive(buffer.AsSpan(held)) is int got and > 0)
            {
                int end = buffer.AsSpan(0, held + got).LastIndexOf((byte)'\n') + 1;
                Send(connection, buffer.AsSpan(0, end));
                held += got - end;
                buffer.AsSpan(end, held).CopyTo(buffer);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or ArgumentException)
        {
            // The client is gone, or sent a line that does not fit the buffer.
        }

        connection.Dispose();
    }

    private void Send(Socket connection, Span<byte> lines)
    {
        int count = lines.Count((byte)'\n');
        long before = Interlocked.Add(ref _lines, count) - count;

        // The line of this read at which the count is reached. A single line cannot be swapped: then the
        // mistake is skipped until the count is reached again.
        long due = _every - 1 - (before % _every);
        if (due < count && (_fault != Fault.Swap || count > 1))
        {
            Interlocked.Increment(ref _faults);
            lines = Spoil(lines, (int)due, count);
        }

        for (int sent = 0; sent < lines.Length;)
        {
            sent += connection.Send(lines[sent..]);
        }
    }

    private Span<byte> Spoil(Span<byte> lines, int number, int count)
    {
        // Two lines of one read are swapped; the last one with the line before it.
        number = _fault == Fault.Swap && number == count - 1 ? number - 1 : number;
        int start = 0;
        for (int i = 0; i < number; i++)
        {
            start += lines[start..].IndexOf((byte)'\n') + 1;
        }

        int size = lines[start..].IndexOf((byte)'\n') + 1;
        if (_fault == Fault.Flip)
        {
            lines[start + (size / 2)] ^= FlippedBit;
            return lines;
        }

        if (_fault == Fault.Swap)
        {
            int nextSize = lines[(start + size)..].IndexOf((byte)'\n') + 1;
            byte[] line = lines.Slice(start, size).ToArray();
            lines.Slice(start + size, nextSize).CopyTo(lines[start..]);
            line.CopyTo(lines[(start + nextSize)..]);
            return lines;
        }

        lines[(start + size)..].CopyTo(lines[start..]);
        return lines[..^size];
    }
}
