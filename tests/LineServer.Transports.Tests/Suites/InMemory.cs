using LineServer.Transports.Tests.Themes;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Suites;

/// <summary>A pair of pipes. It has no addresses and no descriptors, no host can bind it, and no other process reaches it: so without those themes.</summary>
public static class InMemory
{
    private static readonly Transport It = new InMemoryTransport();

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

    public sealed class Churn() : ChurnTests(It);
}
