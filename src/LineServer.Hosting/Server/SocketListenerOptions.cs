using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace LineServer.Hosting;

/// <summary>
/// Options of <see cref="SocketListenerFactory"/>. Those named as in Kestrel's
/// <see cref="SocketTransportOptions"/> have the same meaning.
/// </summary>
public sealed class SocketListenerOptions
{
    /// <summary>
    /// The number of connections that the kernel queues before they are accepted: listen(2). At least 1.
    /// Defaults to 512.
    /// </summary>
    public int Backlog { get; set; } = 512;

    /// <summary>Kestrel's options for each connection: buffer sizes and scheduling.</summary>
    public SocketConnectionFactoryOptions Connections { get; } = new();

    /// <summary>True to send small writes at once (TCP_NODELAY). Defaults to true.</summary>
    public bool NoDelay { get; set; } = true;

    /// <summary>
    /// Creates and binds the listening socket; the factory calls listen(2). Defaults to
    /// <see cref="SocketTransportOptions.CreateDefaultBoundListenSocket"/>.
    /// </summary>
    public Func<EndPoint, Socket> CreateBoundListenSocket { get; set; } =
        SocketTransportOptions.CreateDefaultBoundListenSocket;

    /// <summary>
    /// The number of descriptors that the accept loop leaves free for the rest of the process. .NET needs
    /// some to load an assembly or start a thread, and ends the process if it gets none. Defaults to 32; 0
    /// reserves none.
    /// </summary>
    public int ReservedDescriptors { get; set; } = 32;
}
