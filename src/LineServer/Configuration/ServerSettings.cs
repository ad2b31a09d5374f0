namespace LineServer.Configuration;

/// <summary>The whole effective configuration.</summary>
internal sealed record ServerSettings(string Transport, ServerLimits Limits, IReadOnlyList<EndpointSettings> Endpoints)
{
    /// <summary>Kestrel's own.</summary>
    public const string Sockets = "sockets";

    /// <summary>Ours: docs/decisions/0005.</summary>
    public const string Epoll = "epoll";

    /// <summary>The transports that there are.</summary>
    public static readonly string[] Transports = [Sockets, Epoll];
}
