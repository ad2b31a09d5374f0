using System.Buffers;
using System.IO.Pipelines;

namespace LineServer.Client;

/// <summary>
/// Expects what was sent, by keeping it until it came back: for a pipe, which cannot be read twice. How much is in flight is
/// bounded by <see cref="SendGate"/>, except for a single line longer than its bound.
/// </summary>
internal sealed class QueuedBytes : IExpectedBytes
{
    /// <summary>In bytes; a send's worth, not the four kilobytes of a socket's pipe.</summary>
    private const int SegmentSize = 64 * 1024;

    // No threshold: the gate is the bound, and knows when waiting would be for ever.
    private readonly Pipe _pipe = new(new PipeOptions(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, resumeWriterThreshold: 0, minimumSegmentSize: SegmentSize, useSynchronizationContext: false));

    public string? ChangedInput => null;

    public void Sending(ReadOnlySpan<byte> bytes)
    {
        _pipe.Writer.Write(bytes);

        // Without a threshold a flush completes at once.
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
