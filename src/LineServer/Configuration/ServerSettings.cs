namespace LineServer.Configuration;

/// <summary>The whole effective configuration.</summary>
internal sealed record ServerSettings(
    string Transport, SocketsSettings Sockets, EpollSettings Epoll, ServerLimits Limits, IReadOnlyList<EndpointSettings> Endpoints)
{
    /// <summary>Kestrel's own.</summary>
    public const string SocketsTransport = "sockets";

    /// <summary>Ours: docs/decisions/0005.</summary>
    public const string EpollTransport = "epoll";

    /// <summary>The transports that there are.</summary>
    public static readonly string[] Transports = [SocketsTransport, EpollTransport];
}
