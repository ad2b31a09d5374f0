namespace LineServer.Client;

/// <summary>
/// Copies the replies of one connection of several. Holds a reply until it is complete, so that replies do
/// not mix. A reply larger than the buffer is written in parts while the other connections wait for its end,
/// so memory stays bounded.
/// </summary>
internal sealed class WholeLineCopy(ReplyOutput output, int bufferSize) : IReplyCopy
{
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(bufferSize);

    /// <summary>The number of bytes at the start of the buffer that belong to an incomplete reply.</summary>
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
