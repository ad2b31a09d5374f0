using System.IO.Pipelines;

namespace LineServer.Benchmarks.Shapes;

/// <summary>A client that takes everything at once.</summary>
internal sealed class CountingWriter : PipeWriter
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _used;

    public long Flushes { get; private set; }

    public long Bytes { get; private set; }

    public override void Advance(int bytes) => _used += bytes;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_buffer.Length - _used < Math.Max(sizeHint, 1))
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _used + sizeHint));
        }

        return _buffer.AsMemory(_used);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        Bytes += _used;
        Flushes++;
        _used = 0;
        return new ValueTask<FlushResult>(default(FlushResult));
    }

    public override void CancelPendingFlush()
    {
    }

    public override void Complete(Exception? exception = null) => Bytes += _used;
}
