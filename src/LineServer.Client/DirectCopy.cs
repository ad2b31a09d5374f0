namespace LineServer.Client;

/// <summary>The only connection: what comes is written at once, a prompt without an LF too.</summary>
/// <param name="output">Null: nothing is copied.</param>
/// <param name="bufferSize">In bytes.</param>
internal sealed class DirectCopy(ReplyOutput? output, int bufferSize) : IReplyCopy
{
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(bufferSize);

    public Memory<byte> Buffer => _buffer;

    public ValueTask<bool> CopyAsync(int received) => new(output is null || output.Write(_buffer.AsSpan(0, received)));

    public ValueTask<bool> EndAsync() => new(true);
}
