namespace LineServer.Client;

/// <summary>
/// Expects what the files hold, by reading them a second time behind the sender: nothing in flight is kept in memory,
/// however long a line is and however many are on their way.
/// </summary>
internal sealed class RereadBytes(InputReader reader) : IExpectedBytes
{
    private long _sent;
    private long _taken;

    public string? ChangedInput => reader.ChangedInput;

    public void Sending(ReadOnlySpan<byte> bytes) => Interlocked.Add(ref _sent, bytes.Length);

    public int Take(Span<byte> buffer)
    {
        long inFlight = Interlocked.Read(ref _sent) - _taken;
        int taken = reader.ReadFiles(buffer[..(int)Math.Min(buffer.Length, inFlight)]);
        _taken += taken;
        return taken;
    }
}
