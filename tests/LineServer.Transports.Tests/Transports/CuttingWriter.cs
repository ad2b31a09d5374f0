using System.IO.Pipelines;

namespace LineServer.Transports.Tests.Transports;

/// <summary>Gives no more memory than was asked for, or a few bytes, and lets flushes wait a turn of the thread pool now and then.</summary>
internal sealed class CuttingWriter(PipeWriter inner, Random random, int most) : PipeWriter
{
    private int _given;

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        Memory<byte> memory = inner.GetMemory(sizeHint);
        memory = memory[..Math.Min(memory.Length, Math.Max(sizeHint, random.Next(1, most + 1)))];
        _given = memory.Length;
        return memory;
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _given);
        inner.Advance(bytes);
        _given -= bytes;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        random.Next(3) == 0 ? LaterAsync(inner.FlushAsync(cancellationToken)) : inner.FlushAsync(cancellationToken);

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private static async ValueTask<FlushResult> LaterAsync(ValueTask<FlushResult> flush)
    {
        FlushResult result = await flush;
        await Task.Yield();
        return result;
    }
}
