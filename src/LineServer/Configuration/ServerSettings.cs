namespace LineServer.Configuration;

/// <summary>The whole effective configuration.</summary>
internal sealed record ServerSettings(string Transport, ServerLimits Limits, IReadOnlyList<EndpointSettings> Endpoints)
{
    /// <summary>The transports that there are.</summary>
    public static readonly string[] Transports = ["sockets"];
}
