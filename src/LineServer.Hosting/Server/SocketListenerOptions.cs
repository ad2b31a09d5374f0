using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace LineServer.Hosting;

/// <summary>Options of <see cref="SocketListenerFactory"/>. Names that Kestrel's <see cref="SocketTransportOptions"/> has mean the same.</summary>
public sealed class SocketListenerOptions
{
    /// <summary>Connections that the kernel queues until they are accepted: listen(2). At least 1. Defaults to 512.</summary>
    public int Backlog { get; set; } = 512;

    /// <summary>Kestrel's options of each connection: buffer sizes and scheduling.</summary>
    public SocketConnectionFactoryOptions Connections { get; } = new();

    /// <summary>Whether small writes are sent at once (TCP_NODELAY). Defaults to true.</summary>
    public bool NoDelay { get; set; } = true;

    /// <summary>
    /// Makes and binds a listening socket; listen(2) is called afterwards. Defaults to
    /// <see cref="SocketTransportOptions.CreateDefaultBoundListenSocket"/>.
    /// </summary>
    public Func<EndPoint, Socket> CreateBoundListenSocket { get; set; } = SocketTransportOptions.CreateDefaultBoundListenSocket;

    /// <summary>
    /// Descriptors that accepting leaves free for the rest of the process: .NET needs some to load an assembly or to start a thread, and
    /// ends the process when it gets none. Defaults to 32; 0 is none.
    /// </summary>
    public int ReservedDescriptors { get; set; } = 32;
}
