using System.Net;

namespace LineServer.Hosting;

/// <summary>
/// The addresses that a <see cref="ConnectionServer"/> listens on, and the limits over all its endpoints.
/// </summary>
public sealed class ConnectionServerOptions
{
    internal const long SmallestTotalBufferSize = 64 * 1024;

    /// <summary>
    /// The limits over all endpoints; each endpoint also has its own.
    /// <see cref="ConnectionLimits.MaxConcurrentConnections"/> defaults to the number that the process's file
    /// descriptors allow (<see cref="ConnectionServer.MaxConcurrentConnections"/>).
    /// </summary>
    public ConnectionLimits Limits { get; set; } = new();

    /// <summary>
    /// File descriptors that the application needs beside its connections, such as for files that it opens later. They
    /// lower the number of connections where that follows from the descriptors. Defaults to 0.
    /// </summary>
    public int ReservedDescriptors { get; set; }

    /// <summary>
    /// The most bytes that all connections together may hold while they wait: lines that handlers have not
    /// taken, and replies that clients have not read. Beyond it, the connections that hold most are closed
    /// (<see cref="CloseReason.BufferLimit"/>). At least 64 KiB. Defaults to a sixteenth of the memory
    /// available to the process (its container's limit, or the machine's memory). Memory of the transports
    /// and the runtime comes on top.
    /// </summary>
    public long MaxTotalBufferSize { get; set; } =
        Math.Max(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 16, SmallestTotalBufferSize);

    /// <summary>
    /// Called once for an endpoint that stopped accepting though nobody stopped it. By default the
    /// application stops, so that its supervisor restarts it.
    /// </summary>
    public Action<ConnectionEndpoint>? EndpointFailed { get; set; }

    internal List<(EndPoint EndPoint, Action<EndpointBuilder> Configure)> Endpoints { get; } = [];

    /// <summary>Adds an endpoint, which starts to listen when the server starts.</summary>
    public void Listen(EndPoint endPoint, Action<EndpointBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        ArgumentNullException.ThrowIfNull(configure);
        Endpoints.Add((endPoint, configure));
    }

    /// <summary>Adds an endpoint on the loopback address.</summary>
    /// <param name="port">0 to 65535; 0 lets the kernel choose.</param>
    /// <param name="configure">Configures the endpoint.</param>
    public void ListenLocalhost(int port, Action<EndpointBuilder> configure) =>
        Listen(new IPEndPoint(IPAddress.Loopback, port), configure);
}
