using LineServer.Transports.Tests.Themes;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Suites;

/// <summary>Ours over TCP, handlers that move from the loop to the thread pool. Only the themes that have handlers.</summary>
public static class EpollAutoTcp
{
    private static readonly Transport It = new EpollAuto();

    public sealed class Bytes() : BytesTests(It);

    public sealed class Races() : RaceTests(It);

    public sealed class Lifetime() : LifetimeTests(It);

    public sealed class Handler() : HandlerTests(It);

    public sealed class Churn() : ChurnTests(It);

    public sealed class Descriptor() : DescriptorTests(It);
}
