using System.Buffers;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Lines that were pushed to a connection from any thread, until its loop stages them. Bounded. A buffer is rented only while it holds a
/// line.
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

    /// <summary>The mailbox of a connection that ended without a push.</summary>
    public static Mailbox Closed { get; } = new(0, 0) { _closed = true };

    public bool IsEmpty => _length == 0;

    /// <summary>Adds a line and its delimiter.</summary>
    /// <param name="line">The line.</param>
    /// <param name="wasEmpty">True if the loop must be woken.</param>
    /// <param name="isFull">True if there was no room.</param>
    /// <returns>False if it was not added: there was no room, or the connection has ended.</returns>
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

    /// <summary>Takes no more lines. Those it holds are moved to <paramref name="output"/>; without one they are dropped.</summary>
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
