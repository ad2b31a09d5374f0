using System.Buffers;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Holds the replies of a handler that may run while the connection's loop flushes. Only the loop writes to
/// the transport; it moves staged replies over. The buffer is rented only while it holds something.
/// </summary>
internal sealed class ReplyBuffer : LineOutput
{
    private readonly Lock _gate = new();
    private byte[] _buffer = [];
    private int _moved;
    private int _end;

    public ReplyBuffer(byte delimiter)
        : base(delimiter)
    {
    }

    /// <summary>Learns that a reply was staged; null for nobody.</summary>
    public PendingHandler? Watcher { get; set; }

    /// <summary>The number of bytes not moved to the output yet.</summary>
    public int Staged => _end - _moved;

    /// <summary>
    /// True if the output holds a part of the reply to a line, whose rest is to follow it. Only the loop asks.
    /// </summary>
    public bool HasBegun { get; private set; }

    /// <inheritdoc/>
    public override void WriteLine(ReadOnlySpan<byte> line)
    {
        ThrowIfDelimiterInside(line);
        lock (_gate)
        {
            Reserve(line.Length + 1);
            line.CopyTo(_buffer.AsSpan(_end));
            _buffer[_end + line.Length] = Delimiter;
            _end += line.Length + 1;
        }

        Watcher?.OnStaged();
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            Reserve(bytes.Length);
            bytes.CopyTo(_buffer.AsSpan(_end));
            _end += bytes.Length;
        }

        Watcher?.OnStaged();
    }

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        lock (_gate)
        {
            Reserve(Math.Max(sizeHint, 1));
            return _buffer.AsMemory(_end);
        }
    }

    /// <inheritdoc/>
    public override void Advance(int count)
    {
        lock (_gate)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(count);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - _end);
            _end += count;
        }

        Watcher?.OnStaged();
    }

    /// <summary>Moves staged bytes to the output before the handler has ended.</summary>
    /// <param name="output">The transport's.</param>
    /// <param name="isHandlerWaiting">
    /// True if the handler waits for the loop, so the buffer can be reused from its start. Otherwise the buffer stays in
    /// place: the handler may be between GetMemory and Advance.
    /// </param>
    public void MoveTo(TransportOutput output, bool isHandlerWaiting)
    {
        lock (_gate)
        {
            HasBegun |= _end > _moved;
            output.Write(_buffer.AsSpan(_moved, _end - _moved));
            _moved = _end = isHandlerWaiting ? 0 : _end;
        }
    }

    /// <summary>
    /// Moves staged bytes to the output after the handler has ended, so the buffer can be reused from its
    /// start.
    /// </summary>
    public void FinishTo(TransportOutput output)
    {
        lock (_gate)
        {
            output.Write(_buffer.AsSpan(_moved, _end - _moved));
            _moved = _end = 0;
            HasBegun = false;
        }
    }

    /// <summary>Returns the buffer to the pool and drops what is staged.</summary>
    public void Release()
    {
        lock (_gate)
        {
            Return(_buffer);
            _buffer = [];
            _moved = _end = 0;
            HasBegun = false;
        }
    }

    private void Reserve(int count)
    {
        if (_buffer.Length - _end < count)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(_end + count), 256));
            _buffer.AsSpan(0, _end).CopyTo(larger);
            Return(_buffer);
            _buffer = larger;
        }
    }

    private static void Return(byte[] buffer)
    {
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
