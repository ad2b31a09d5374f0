namespace LineServer.Client;

/// <summary>The bytes that an echo must consist of, in order: those that were sent.</summary>
internal interface IExpectedBytes
{
    /// <summary>Takes note of bytes that are about to be sent.</summary>
    void Sending(ReadOnlySpan<byte> bytes);

    /// <summary>The input that may no longer hold what was sent; null if the bytes taken are those that were sent.</summary>
    string? ChangedInput { get; }

    /// <summary>Takes the next bytes, at most as many as fit; 0 when all that was sent has been taken.</summary>
    int Take(Span<byte> buffer);
}
