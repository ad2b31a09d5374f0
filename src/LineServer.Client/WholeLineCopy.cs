namespace LineServer.Client;

/// <summary>
/// One connection of several: a reply is held until it is complete, so that no other is written into it. One that does not
/// fit the buffer is begun all the same, and the others wait for its end: memory stays bounded.
/// </summary>
internal sealed class WholeLineCopy(ReplyOutput output, int bufferSize) : IReplyCopy
{
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(bufferSize);

    /// <summary>Bytes at the head of the buffer that belong to a reply whose end has not come.</summary>
    private int _held;
    private bool _isMyTurn;

    public Memory<byte> Buffer => _buffer.AsMemory(_held);

    public async ValueTask<bool> CopyAsync(int received)
    {
        int total = _held + received;
        int complete = _buffer.AsSpan(_held, received).LastIndexOf((byte)'\n') is int end and >= 0 ? _held + end + 1 : 0;
        bool endsTurn = complete > 0;
        if (complete == 0 && (_isMyTurn || total == _buffer.Length))
        {
            complete = total;
        }

        bool written = complete == 0 || await WriteAsync(complete, endsTurn);
        _held = total - complete;
        _buffer.AsSpan(complete, _held).CopyTo(_buffer);
        return written;
    }

    public async ValueTask<bool> EndAsync() => (_held == 0 && !_isMyTurn) || await WriteAsync(_held, endsTurn: true);

    private async ValueTask<bool> WriteAsync(int length, bool endsTurn)
    {
        if (!_isMyTurn)
        {
            await output.BeginTurnAsync();
            _isMyTurn = true;
        }

        bool written = output.Write(_buffer.AsSpan(0, length));
        if (endsTurn)
        {
            _isMyTurn = false;
            output.EndTurn();
        }

        return written;
    }
}
