namespace LineServer.Client;

/// <summary>
/// Copies the replies of the only connection as they arrive, including a prompt without an LF.
/// </summary>
/// <param name="output">Null to copy nothing.</param>
/// <param name="bufferSize">The buffer's size in bytes.</param>
internal sealed class DirectCopy(ReplyOutput? output, int bufferSize) : IReplyCopy
{
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(bufferSize);

    public Memory<byte> Buffer => _buffer;

    public ValueTask<bool> CopyAsync(int received) => new(output is null || output.Write(_buffer.AsSpan(0, received)));

    public ValueTask<bool> EndAsync() => new(true);
}
