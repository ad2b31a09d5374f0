using System.Buffers;
using System.IO.Pipelines;

namespace LineServer.Benchmarks.Shapes;

/// <summary>A client without a socket: the same block of lines, read by read, then the end of the stream.</summary>
internal sealed class BlockReader(ReadOnlyMemory<byte> block, int reads) : PipeReader
{
    private ReadOnlySequence<byte> _unread;
    private int _left = reads;

    public override bool TryRead(out ReadResult result)
    {
        if (_unread.IsEmpty && _left > 0)
        {
            _left--;
            _unread = new ReadOnlySequence<byte>(block);
        }

        result = new ReadResult(_unread, isCanceled: false, isCompleted: _left == 0);
        return true;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        TryRead(out ReadResult result);
        return new ValueTask<ReadResult>(result);
    }

    public override void AdvanceTo(SequencePosition consumed) => _unread = _unread.Slice(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => AdvanceTo(consumed);

    public override void CancelPendingRead()
    {
    }

    public override void Complete(Exception? exception = null)
    {
    }
}
