using System.Buffers;
using System.IO.Pipelines;

namespace LineServer.Hosting.Tests.Support;

/// <summary>Counts reads. Can pass on the available bytes one at a time, in segments of one byte.</summary>
internal sealed class CountingReader(PipeReader inner, int mostBytes = int.MaxValue, bool segmented = false) : PipeReader
{
    private ReadOnlySequence<byte> _whole;
    private ReadOnlySequence<byte> _given;
    private long _held;

    public int Reads { get; private set; }

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        Reads++;
        return Cut(await inner.ReadAsync(cancellationToken));
    }

    public override bool TryRead(out ReadResult result)
    {
        bool isThere = inner.TryRead(out result);
        if (isThere)
        {
            result = Cut(result);
        }

        return isThere;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        long taken = _given.Slice(0, consumed).Length;
        _held = _given.Length - taken;
        SequencePosition end = _whole.GetPosition(_given.Length);
        // Only the bytes shown were examined; the next read gets the rest.
        inner.AdvanceTo(_whole.GetPosition(taken), end);
        _whole = _given = default;
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private ReadResult Cut(ReadResult read)
    {
        _whole = read.Buffer;
        long length = Math.Min(read.Buffer.Length, mostBytes == int.MaxValue ? long.MaxValue : _held + mostBytes);
        ReadOnlySequence<byte> cut = read.Buffer.Slice(0, length);
        _given = segmented ? Segments.OfOneByte(cut) : cut;
        return new ReadResult(_given, read.IsCanceled, read.IsCompleted && length == read.Buffer.Length);
    }
}

/// <summary>
/// Counts flushes and the bytes staged for each. Can return tiny buffers, or memory without an array.
/// </summary>
internal sealed class CountingWriter(PipeWriter inner, int bufferSize = 0, bool unmanaged = false) : PipeWriter
{
    private readonly MemoryManager<byte>? _memory = unmanaged ? new NoArray(new byte[bufferSize]) : null;

    public int Flushes { get; private set; }

    public long Staged { get; private set; }

    public long MostStaged { get; private set; }

    public override void Advance(int bytes)
    {
        Staged += bytes;
        MostStaged = Math.Max(MostStaged, Staged);
        if (bufferSize > 0)
        {
            inner.Write((_memory?.Memory ?? _small).Span[..bytes]);
        }
        else
        {
            inner.Advance(bytes);
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        Flushes++;
        Staged = 0;
        return inner.FlushAsync(cancellationToken);
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (bufferSize == 0)
        {
            return inner.GetMemory(sizeHint);
        }

        Assert.True(sizeHint <= bufferSize);
        _small = new byte[bufferSize + 3].AsMemory(3); // never at the start of its array
        return _memory?.Memory ?? _small;
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private Memory<byte> _small;

    private sealed class NoArray(byte[] bytes) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => bytes;

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}

internal sealed class Segments : ReadOnlySequenceSegment<byte>
{
    public static ReadOnlySequence<byte> OfOneByte(ReadOnlySequence<byte> bytes)
    {
        var first = new Segments();
        Segments last = first;
        foreach (byte b in bytes.ToArray())
        {
            last = new Segments { Memory = new[] { b }, RunningIndex = last.RunningIndex + last.Memory.Length, Previous = last };
            last.Previous!.Next = last;
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private Segments? Previous { get; init; }
}
