using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Themes;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Suites;

/// <summary>Ours, continuations on the loop, over system calls that fall short, are interrupted, and find nothing where there is something.</summary>
public static class EpollFaultyInline
{
    private static readonly Transport It = new EpollUnderTest<FaultySystemCalls<FaultPlan>>(inline: true);
    private static readonly Transport Accepting = new EpollUnderTest<FaultySystemCalls<AcceptingFaultPlan>>(inline: true);

    public sealed class Bytes() : BytesTests(It, share: 4);

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

    public sealed class Listener() : ListenerTests(Accepting);

    public sealed class Address() : AddressTests(It);

    public sealed class Churn() : ChurnTests(It, share: 4);

    public sealed class Descriptor() : DescriptorTests(It);

    public sealed class Http() : HttpTests(It);

    public sealed class Process() : ProcessTests(It);
}
