using System.Buffers;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Holds lines that any thread pushed to a connection until its loop stages them. Its capacity is bounded. It
/// rents a buffer only while it holds a line.
/// </summary>
internal sealed class Mailbox
{
    private readonly Lock _gate = new();
    private readonly int _capacity;
    private readonly byte _delimiter;
    private byte[] _buffer = [];
    private volatile int _length;
    private bool _closed;

    public Mailbox(int capacity, byte delimiter)
    {
        _capacity = capacity;
        _delimiter = delimiter;
    }

    /// <summary>The mailbox of a connection that closed without a push.</summary>
    public static Mailbox Closed { get; } = new(0, 0) { _closed = true };

    public bool IsEmpty => _length == 0;

    /// <summary>Adds a line and its delimiter.</summary>
    /// <param name="line">The line without its terminator.</param>
    /// <param name="wasEmpty">True if the mailbox was empty, so the loop must be woken.</param>
    /// <param name="isFull">True if the line did not fit.</param>
    /// <returns>False if the line was not added: it did not fit, or the connection has ended.</returns>
    public bool TryAdd(ReadOnlySpan<byte> line, out bool wasEmpty, out bool isFull)
    {
        lock (_gate)
        {
            wasEmpty = _length == 0;
            isFull = !_closed && line.Length + 1 > _capacity - _length;
            if (_closed || isFull)
            {
                return false;
            }

            if (line.Length + 1 > _buffer.Length - _length)
            {
                byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_length + line.Length + 1, 256));
                _buffer.AsSpan(0, _length).CopyTo(larger);
                Return();
                _buffer = larger;
            }

            line.CopyTo(_buffer.AsSpan(_length));
            _buffer[_length + line.Length] = _delimiter;
            _length += line.Length + 1;
            return true;
        }
    }

    public void MoveTo(TransportOutput output)
    {
        if (IsEmpty)
        {
            return;
        }

        lock (_gate)
        {
            output.Write(_buffer.AsSpan(0, _length));
            _length = 0;
            Return();
        }
    }

    /// <summary>
    /// Refuses further lines, and moves the lines it holds to <paramref name="output"/>, or drops them if it
    /// is null.
    /// </summary>
    public void CloseTo(TransportOutput? output)
    {
        lock (_gate)
        {
            _closed = true;
            output?.Write(_buffer.AsSpan(0, _length));
            _length = 0;
            Return();
        }
    }

    private void Return()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }
}
