namespace LineServer.Configuration;

/// <summary>What <c>Sockets</c> may hold: options of Kestrel's sockets, by Kestrel's names.</summary>
internal sealed class SocketsSettings
{
    /// <summary>Handlers run where the socket's bytes are noticed, not on the thread pool: for handlers that never block.</summary>
    public bool UnsafePreferInlineScheduling { get; set; }
}
