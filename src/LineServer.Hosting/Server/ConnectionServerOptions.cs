using System.Net;

namespace LineServer.Hosting;

/// <summary>What a <see cref="ConnectionServer"/> listens on, and the limits over all of its endpoints.</summary>
public sealed class ConnectionServerOptions
{
    internal const long SmallestTotalBufferSize = 64 * 1024;

    /// <summary>
    /// The limits over all endpoints; each endpoint has its own beside them. <see cref="ConnectionLimits.MaxConcurrentConnections"/>
    /// defaults to what the process's file descriptors allow (<see cref="ConnectionServer.MaxConcurrentConnections"/>).
    /// </summary>
    public ConnectionLimits Limits { get; set; } = new();

    /// <summary>
    /// The most bytes that all connections together hold while they wait: lines that handlers have not taken, replies that clients have
    /// not read. Beyond it those that hold most are closed (<see cref="CloseReason.BufferLimit"/>). At least 64 KiB. Defaults to a sixteenth
    /// of the memory that the process may use (its container's limit, or the machine's): what transports and the runtime hold comes on top.
    /// </summary>
    public long MaxTotalBufferSize { get; set; } =
        Math.Max(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 16, SmallestTotalBufferSize);

    /// <summary>
    /// Called once for an endpoint that accepts no more though nobody asked it to stop. Defaults to stopping the application, so that
    /// its supervisor restarts it.
    /// </summary>
    public Action<ConnectionEndpoint>? EndpointFailed { get; set; }

    internal List<(EndPoint EndPoint, Action<EndpointBuilder> Configure)> Endpoints { get; } = [];

    /// <summary>Adds an endpoint, which listens when the server starts.</summary>
    public void Listen(EndPoint endPoint, Action<EndpointBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        ArgumentNullException.ThrowIfNull(configure);
        Endpoints.Add((endPoint, configure));
    }

    /// <summary>Adds an endpoint on the loopback address.</summary>
    /// <param name="port">0 to 65535; 0 lets the kernel choose.</param>
    /// <param name="configure">What the endpoint does.</param>
    public void ListenLocalhost(int port, Action<EndpointBuilder> configure) => Listen(new IPEndPoint(IPAddress.Loopback, port), configure);
}
