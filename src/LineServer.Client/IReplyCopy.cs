namespace LineServer.Client;

/// <summary>How the replies of one connection get to standard output.</summary>
internal interface IReplyCopy
{
    /// <summary>The buffer for the next receive; never empty.</summary>
    Memory<byte> Buffer { get; }

    /// <summary>
    /// Copies the bytes received at the start of <see cref="Buffer"/>. Returns false if standard output has
    /// failed.
    /// </summary>
    ValueTask<bool> CopyAsync(int received);

    /// <summary>Writes the remaining bytes. Called once, however the connection ended.</summary>
    ValueTask<bool> EndAsync();
}
