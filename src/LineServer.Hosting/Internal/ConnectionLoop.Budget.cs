namespace LineServer.Hosting.Internal;

/// <summary>What the connection holds while it waits: see <see cref="BufferBudget"/>.</summary>
internal sealed partial class ConnectionLoop
{
    private int _readLength; // bytes of the read in progress
    private int _payloadHeld; // bytes that have come of a payload
    private int _heldBytes;

    /// <summary>Bytes that the connection holds while it waits; 0 while it does not.</summary>
    public int HeldBytes => Volatile.Read(ref _heldBytes);

    private void Hold(int bytes)
    {
        if (_endpoint.Budget is not { } budget || bytes == _heldBytes)
        {
            return;
        }

        int more = bytes - _heldBytes;
        Volatile.Write(ref _heldBytes, bytes);
        if (!budget.Charge(more))
        {
            Abort(CloseReason.BufferLimit);
        }
    }
}
