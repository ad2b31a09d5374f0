using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

/// <summary>A source in memory, which gives few bytes at a time.</summary>
internal sealed class MemorySource(byte[] bytes, int most = int.MaxValue) : ILineSource
{
    public string Name => "memory";

    public StreamMark? Start { get; private set; } = default(StreamMark);

    public bool HasProblem => false;

    public string? Hint => null;

    public void Anchor(long lines, uint crc) => Start = new(lines, 0, crc);

    public int Read(Span<byte> buffer, long offset)
    {
        int length = Math.Min(Math.Min(buffer.Length, most), bytes.Length - (int)offset);
        bytes.AsSpan((int)offset, length).CopyTo(buffer);
        return length;
    }

    public bool TryGoOn(StreamMark position, long end) => false;

    public ValueTask<bool> WaitAsync(StreamMark position, long end, CancellationToken cancellationToken) => new(false);

    public void Release(StreamMark mark)
    {
    }

    public void Dispose()
    {
    }
}
