namespace LineServer.Client;

/// <summary>The bytes that an echo must consist of, in order: those sent.</summary>
internal interface IExpectedBytes
{
    /// <summary>Records bytes that are about to be sent.</summary>
    void Sending(ReadOnlySpan<byte> bytes);

    /// <summary>
    /// An input file that changed, so that it may no longer contain what was sent; null if none did.
    /// </summary>
    string? ChangedInput { get; }

    /// <summary>
    /// Takes the next bytes, as many as fit. Returns 0 when all bytes sent have been taken.
    /// </summary>
    int Take(Span<byte> buffer);
}
