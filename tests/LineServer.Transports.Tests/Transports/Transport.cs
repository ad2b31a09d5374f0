using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Transports;

/// <summary>A transport as the suite sees it: how to listen and connect, and what it can. What it cannot is asserted too, as it is documented.</summary>
public abstract class Transport
{
    /// <summary>The server can send FIN and read on: complete the output alone.</summary>
    public virtual bool ServerCanHalfClose => true;

    /// <summary>A peer can reset. A Unix domain socket cannot: it closes, which is an end in order.</summary>
    public virtual bool HasReset => true;

    /// <summary>What arrived before a reset is read first, then the reset. Kestrel's sockets and its pipe throw it away.</summary>
    public virtual bool DeliversBeforeReset => true;

    /// <summary>Connections that wait in the backlog are accepted after Unbind. Kestrel's sockets reset them.</summary>
    public virtual bool AcceptsBacklogAfterUnbind => true;

    /// <summary>
    /// Disposing while somebody reads or writes is harmless. Kestrel's sockets, and the pair in memory, complete pipes in the thread that disposes, and a Pipe is
    /// not made for that: a reader then looks at memory that is another's already, and where a write meets it NullReferenceException is thrown; each once in some
    /// thousand races.
    /// </summary>
    public virtual bool DisposesBesideUse => true;

    /// <summary>Bytes that a full direction may hold besides the transport's own limit, if the kernel's buffers were asked to be as small.</summary>
    public virtual long KernelSlack(int kernelBuffer) => 8L * kernelBuffer;

    /// <summary>What a failing test prints: a seed.</summary>
    protected virtual string? Note => null;

    public virtual async ValueTask<Listening> ListenAsync(TransportSettings? settings = null)
    {
        if (Note is { } note)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(note);
        }

        IConnectionListenerFactory factory = CreateFactory(settings ?? new TransportSettings());
        IConnectionListener listener = await factory.BindAsync(NewEndPoint());
        return new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
    }

    public abstract IConnectionListenerFactory CreateFactory(TransportSettings settings);

    public virtual System.Net.EndPoint NewEndPoint() => new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0);
}
