using LineServer.Transports.Tests.Themes;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Suites;

/// <summary>Kestrel's sockets over TCP.</summary>
public static class SocketsTcp
{
    private static readonly Transport It = new SocketsTransport();

    public sealed class Bytes() : BytesTests(It);
}
