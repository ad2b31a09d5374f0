using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Support;

/// <summary>A connection of the transport under test, and its other end.</summary>
public sealed record Pair(ConnectionContext Server, Peer Peer) : IAsyncDisposable
{
    public PipeReader Input => Server.Transport.Input;

    public PipeWriter Output => Server.Transport.Output;

    public async ValueTask DisposeAsync()
    {
        Peer.Dispose();
        await Server.DisposeAsync().InTime();
    }
}
