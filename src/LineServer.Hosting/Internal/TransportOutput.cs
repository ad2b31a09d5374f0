using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Stages replies in the buffer of the transport's <see cref="PipeWriter"/>. The connection's loop owns it
/// and lends it to the handler for each call.
/// </summary>
internal sealed class TransportOutput : LineOutput
{
    private readonly PipeWriter _writer;
    private volatile int _limit; // 0: the handler gets no further line

    // The writer's current buffer, cached so that a short line costs one copy instead of three calls into the
    // pipe. The bytes from _start to _next are written but not yet advanced over.
    private byte[] _buffer = [];
    private int _start;
    private int _next;
    private int _end;

    private int _told;

    public TransportOutput(PipeWriter writer, byte delimiter, int limit)
        : base(delimiter)
    {
        _writer = writer;
        _limit = limit;
    }

    /// <summary>Bytes staged since the last flush.</summary>
    public int Staged => _told + (_next - _start);

    /// <summary>
    /// The number of bytes that may be staged before the next flush; 0 or less if the output is full.
    /// </summary>
    public int Room => _limit - Staged;

    /// <summary>True if the handler must get no further line before the next flush.</summary>
    public bool EndsBatch
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _told + (_next - _start) >= _limit;
    }

    /// <summary>Ends batches for good. The only member that any thread may call.</summary>
    public void EndBatches() => _limit = 0;

    /// <inheritdoc/>
    public override void WriteLine(ReadOnlySpan<byte> line)
    {
        ThrowIfDelimiterInside(line);
        int next = _next;
        if (line.Length < _end - next)
        {
            line.CopyTo(_buffer.AsSpan(next));
            _buffer[next + line.Length] = Delimiter;
            _next = next + line.Length + 1;
            return;
        }

        Write(line);
        Write([Delimiter]);
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> bytes)
    {
        int next = _next;
        if (bytes.Length <= _end - next)
        {
            bytes.CopyTo(_buffer.AsSpan(next));
            _next = next + bytes.Length;
            return;
        }

        WriteOn(bytes);
    }

    // Separate from Write, so that Write is small enough to be inlined.
    private void WriteOn(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > _end - _next)
        {
            if (_end > _next)
            {
                bytes[..(_end - _next)].CopyTo(_buffer.AsSpan(_next));
                bytes = bytes[(_end - _next)..];
                _next = _end;
            }

            if (!TryTakeBuffer(1, out Memory<byte> memory))
            {
                int part = Math.Min(bytes.Length, memory.Length);
                bytes[..part].CopyTo(memory.Span);
                bytes = bytes[part..];
                _writer.Advance(part);
                _told += part;
            }
        }

        bytes.CopyTo(_buffer.AsSpan(_next));
        _next += bytes.Length;
    }

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_end - _next < Math.Max(sizeHint, 1) && !TryTakeBuffer(sizeHint, out Memory<byte> memory))
        {
            return memory;
        }

        return _buffer.AsMemory(_next, _end - _next);
    }

    /// <inheritdoc/>
    public override void Advance(int count)
    {
        if (_end > 0)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(count);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _end - _next);
            _next += count;
        }
        else
        {
            _writer.Advance(count);
            _told += count;
        }
    }

    /// <summary>Flushes staged bytes to the transport.</summary>
    /// <remarks>
    /// It must not take <c>ConnectionClosed</c> as its token: Kestrel cancels that after the client's
    /// half-close, and the replies would be lost.
    /// </remarks>
    public ValueTask<FlushResult> FlushAsync()
    {
        Tell();
        _told = 0;
        return _writer.FlushAsync(CancellationToken.None);
    }

    /// <summary>Ends the output. If the transport can half-close, FIN follows the flushed bytes.</summary>
    public void Complete()
    {
        Tell();
        _writer.Complete();
    }

    private bool TryTakeBuffer(int sizeHint, out Memory<byte> memory)
    {
        Tell();
        memory = _writer.GetMemory(sizeHint);
        if (MemoryMarshal.TryGetArray(memory, out ArraySegment<byte> segment))
        {
            _buffer = segment.Array!;
            _start = _next = segment.Offset;
            _end = segment.Offset + segment.Count;
            return true;
        }

        // Memory without an array is written directly, and the pipe is advanced at once.
        return false;
    }

    private void Tell()
    {
        if (_next > _start)
        {
            _writer.Advance(_next - _start);
            _told += _next - _start;
        }

        // An idle connection must not keep the pipe's buffer alive.
        _buffer = [];
        _start = _next = _end = 0;
    }
}
