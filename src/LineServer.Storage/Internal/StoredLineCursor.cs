namespace LineServer.Storage.Internal;

/// <summary>A <see cref="StreamCursor"/> on the thread pool, because the disk may have to be waited for.</summary>
internal sealed class StoredLineCursor(StreamCursor cursor) : ILineCursor
{
    private byte[] _copy = [];

    public long NextLine => cursor.NextLine;

    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(long most, CancellationToken cancellationToken) =>
        await Task.Run(() => Read(most), cancellationToken);

    public void Dispose() => cursor.Dispose();

    // What the cursor returns is a span, which crosses no await.
    private ReadOnlyMemory<byte> Read(long most)
    {
        if (!cursor.TryRead(most, out ReadOnlySpan<byte> lines, out _))
        {
            return default;
        }

        if (_copy.Length < lines.Length)
        {
            _copy = new byte[lines.Length * 2];
        }

        lines.CopyTo(_copy);
        return _copy.AsMemory(0, lines.Length);
    }
}
