using LineServer.Transports.Tests.Themes;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Suites;

/// <summary>Ours, continuations on the loop, beside connections whose system calls throw.</summary>
public static class EpollThrowingInline
{
    private static readonly Transport It = new ThrowingTransport(inline: true);

    public sealed class Bytes() : BytesTests(It, share: 4);

    public sealed class HalfClose() : HalfCloseTests(It);

    public sealed class Reset() : ResetTests(It);

    public sealed class BackPressure() : BackPressureTests(It);

    public sealed class Reader() : ReaderTests(It);

    public sealed class Writer() : WriterTests(It);

    public sealed class Cancellation() : CancellationTests(It);

    public sealed class Lifetime() : LifetimeTests(It);

    public sealed class Listener() : ListenerTests(It);
}
