using System.Buffers;
using System.IO.Pipelines;

namespace LineServer.Client;

/// <summary>
/// Keeps the bytes sent until they come back, for a pipe, which cannot be read twice. <see cref="SendGate"/>
/// bounds the bytes in flight, except for a single line longer than its bound.
/// </summary>
internal sealed class QueuedBytes : IExpectedBytes
{
    /// <summary>
    /// The pipe's segment size in bytes. It fits a whole send; the pipe's default is 4 KiB.
    /// </summary>
    private const int SegmentSize = 64 * 1024;

    // No threshold: the gate is the bound, and it knows when waiting would deadlock.
    private readonly Pipe _pipe = new(new PipeOptions(
        readerScheduler: PipeScheduler.Inline,
        writerScheduler: PipeScheduler.Inline,
        pauseWriterThreshold: 0,
        resumeWriterThreshold: 0,
        minimumSegmentSize: SegmentSize,
        useSynchronizationContext: false));

    public string? ChangedInput => null;

    public void Sending(ReadOnlySpan<byte> bytes)
    {
        _pipe.Writer.Write(bytes);

        // A flush without a threshold completes at once.
        _ = _pipe.Writer.FlushAsync().AsTask();
    }

    public int Take(Span<byte> buffer)
    {
        if (!_pipe.Reader.TryRead(out ReadResult result))
        {
            return 0;
        }

        ReadOnlySequence<byte> taken = result.Buffer.Slice(0, Math.Min(buffer.Length, result.Buffer.Length));
        int length = (int)taken.Length;
        taken.CopyTo(buffer);
        _pipe.Reader.AdvanceTo(taken.End);
        return length;
    }
}
