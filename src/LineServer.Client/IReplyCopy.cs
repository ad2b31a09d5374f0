namespace LineServer.Client;

/// <summary>How one connection's replies reach standard output.</summary>
internal interface IReplyCopy
{
    /// <summary>Where the next bytes are received to; never empty.</summary>
    Memory<byte> Buffer { get; }

    /// <summary>Copies the bytes received to the start of <see cref="Buffer"/>. Returns false when standard output is broken.</summary>
    ValueTask<bool> CopyAsync(int received);

    /// <summary>Writes what is left. Called once, however the connection ended.</summary>
    ValueTask<bool> EndAsync();
}
