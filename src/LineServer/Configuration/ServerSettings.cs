namespace LineServer.Configuration;

/// <summary>The whole effective configuration.</summary>
internal sealed record ServerSettings(
    string Transport, SocketsSettings Sockets, EpollSettings Epoll, ServerLimits Limits, IReadOnlyList<EndpointSettings> Endpoints)
{
    /// <summary>Ours: docs/decisions/0005-epoll-transport.md.</summary>
    public const string EpollTransport = "epoll";

    /// <summary>Kestrel's own.</summary>
    public const string SocketsTransport = "sockets";

    /// <summary>The transports that there are; the first is the default.</summary>
    public static readonly string[] Transports = [EpollTransport, SocketsTransport];
}
