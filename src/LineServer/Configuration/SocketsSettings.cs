namespace LineServer.Configuration;

/// <summary>The section <c>Sockets</c>: options of Kestrel's sockets, under Kestrel's names.</summary>
internal sealed class SocketsSettings
{
    /// <summary>
    /// True to run handlers where the socket's readiness is noticed, instead of on the thread pool. The
    /// built-in handlers never block, and on the thread pool busy connections starve quiet ones for seconds.
    /// Defaults to true.
    /// </summary>
    public bool UnsafePreferInlineScheduling { get; set; } = true;
}
