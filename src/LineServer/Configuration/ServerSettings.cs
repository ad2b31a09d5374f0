namespace LineServer.Configuration;

/// <summary>The whole effective configuration.</summary>
internal sealed record ServerSettings(
    string Transport,
    SocketsSettings Sockets,
    EpollSettings Epoll,
    ServerLimits Limits,
    IReadOnlyList<StoreSettings> Stores,
    IReadOnlyList<EndpointSettings> Endpoints)
{
    /// <summary>Our own transport: docs/decisions/0005-epoll-transport.md.</summary>
    public const string EpollTransport = "epoll";

    /// <summary>Kestrel's sockets.</summary>
    public const string SocketsTransport = "sockets";

    /// <summary>The available transports; the first is the default.</summary>
    public static readonly string[] Transports = [EpollTransport, SocketsTransport];
}
