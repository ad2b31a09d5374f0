namespace LineServer.Client;

/// <summary>
/// Reads the files a second time behind the sender, so that no bytes in flight are kept in memory, however
/// long or many the lines are.
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
