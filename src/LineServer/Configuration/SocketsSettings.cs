namespace LineServer.Configuration;

/// <summary>What <c>Sockets</c> may hold: options of Kestrel's sockets, by Kestrel's names.</summary>
internal sealed class SocketsSettings
{
    /// <summary>
    /// True: handlers run where the socket's bytes are noticed, and not on the thread pool. The built-in handlers never block, and on the
    /// thread pool busy connections starve quiet ones for seconds. Defaults to true.
    /// </summary>
    public bool UnsafePreferInlineScheduling { get; set; } = true;
}
