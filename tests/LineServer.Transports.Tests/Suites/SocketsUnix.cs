using LineServer.Transports.Tests.Themes;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Suites;

/// <summary>Kestrel's sockets over Unix domain sockets. No Http and no Process: those are about TCP, whatever the transport would bind.</summary>
public static class SocketsUnix
{
    private static readonly Transport It = new SocketsTransport(unix: true);

    public sealed class Bytes() : BytesTests(It);

    public sealed class HalfClose() : HalfCloseTests(It);

    public sealed class Reset() : ResetTests(It);

    public sealed class Races() : RaceTests(It);

    public sealed class BackPressure() : BackPressureTests(It);

    public sealed class Reader() : ReaderTests(It);

    public sealed class Writer() : WriterTests(It);

    public sealed class Misuse() : MisuseTests(It);

    public sealed class Cancellation() : CancellationTests(It);

    public sealed class Lifetime() : LifetimeTests(It);

    public sealed class Handler() : HandlerTests(It);

    public sealed class Listener() : ListenerTests(It);

    public sealed class Address() : AddressTests(It);

    public sealed class Churn() : ChurnTests(It);

    public sealed class Descriptor() : DescriptorTests(It);
}
