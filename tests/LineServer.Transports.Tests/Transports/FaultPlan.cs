using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>Every call may be interrupted, fall short, or find nothing where there is something; accept meets what a network can do to it.</summary>
internal readonly struct FaultPlan : IFaultPlan
{
    private static int _count;

    /// <summary>Printed by a failing test: with it, the n-th call of a run fares as before.</summary>
    public static int Seed { get; } = Environment.GetEnvironmentVariable("LINESERVER_SEED") is { } seed ? int.Parse(seed) : Random.Shared.Next();

    public static Errno OnReceive(int socket) => (Next() % 16) switch
    {
        0 => Errno.EINTR,
        1 or 2 => Errno.EAGAIN,
        _ => FaultySystemCalls.None,
    };

    public static Errno OnSend(int socket) => (Next() % 24) switch
    {
        0 => Errno.EINTR,
        1 or 2 => Errno.EAGAIN,
        3 => Errno.ENOBUFS,
        _ => FaultySystemCalls.None,
    };

    public static Errno OnAccept() => (Next() % 64) switch
    {
        0 or 1 or 2 => Errno.EINTR,
        3 or 4 => Errno.ECONNABORTED,
        5 => Errno.EPROTO,
        6 => Errno.EMFILE,
        7 => Errno.ENOBUFS,
        _ => FaultySystemCalls.None,
    };

    public static Errno OnWait() => Next() % 16 == 0 ? Errno.EINTR : FaultySystemCalls.None;

    public static nint Shorten(nint length) => (Next() % 4) switch
    {
        0 => 1 + (nint)(Next() % 16) is var few && few < length ? few : length,
        1 => Math.Max(1, length / 2),
        _ => length,
    };

    // splitmix64 of a counter: any thread, no lock.
    private static ulong Next()
    {
        ulong z = ((ulong)(uint)Seed << 32) + ((ulong)(uint)Interlocked.Increment(ref _count) * 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (z ^ (z >> 31)) >> 8;
    }
}
