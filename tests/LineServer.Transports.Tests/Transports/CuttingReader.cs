using System.Buffers;
using System.IO.Pipelines;

namespace LineServer.Transports.Tests.Transports;

/// <summary>Shows at most a few bytes more than were shown before, and waits a turn of the thread pool now and then.</summary>
internal sealed class CuttingReader(PipeReader inner, Random random, int most) : PipeReader
{
    private ReadOnlySequence<byte> _whole;
    private long _shown;
    private long _held;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        random.Next(3) == 0 && !cancellationToken.IsCancellationRequested
            ? LaterAsync(inner.ReadAsync(cancellationToken))
            : CutAsync(inner.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        bool isThere = inner.TryRead(out result);
        result = isThere ? Cut(result) : default;
        return isThere;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    // What was not shown has not been examined, so the next read has it at once.
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _held = _shown - (_shown == 0 ? 0 : _whole.Slice(0, consumed).Length);
        (_whole, _shown) = (default, 0);
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private async ValueTask<ReadResult> LaterAsync(ValueTask<ReadResult> read)
    {
        ReadResult result = await read;
        await Task.Yield();
        return Cut(result);
    }

    private ValueTask<ReadResult> CutAsync(ValueTask<ReadResult> read)
    {
        return read.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Cut(read.Result)) : Awaited(read);

        async ValueTask<ReadResult> Awaited(ValueTask<ReadResult> pending) => Cut(await pending);
    }

    private ReadResult Cut(ReadResult read)
    {
        _whole = read.Buffer;
        _shown = Math.Min(read.Buffer.Length, _held + random.Next(1, most + 1));
        return new ReadResult(read.Buffer.Slice(0, _shown), read.IsCanceled, read.IsCompleted && _shown == read.Buffer.Length);
    }
}
