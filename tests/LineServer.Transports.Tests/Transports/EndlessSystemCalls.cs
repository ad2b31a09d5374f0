using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>
/// The kernel's calls, but that one connection always has more to read than was asked for: a flood that no machine is too slow for. Static: one test at a
/// time uses it.
/// </summary>
internal readonly unsafe struct EndlessSystemCalls : ISystemCalls
{
    private static volatile int _flooded = -1;

    /// <summary>The descriptor that always has more; −1 is none.</summary>
    public static int Flooded
    {
        get => _flooded;
        set => _flooded = value;
    }

    public static nint Receive(int socket, byte* buffer, nint length)
    {
        if (socket != _flooded)
        {
            return LinuxSystemCalls.Receive(socket, buffer, length);
        }

        new Span<byte>(buffer, (int)length).Fill((byte)'x');
        return length;
    }

    public static nint Send(int socket, byte* buffer, nint length) => LinuxSystemCalls.Send(socket, buffer, length);

    public static nint SendMessage(int socket, IoVector* pieces, int count) => LinuxSystemCalls.SendMessage(socket, pieces, count);

    public static int Accept(int listener, byte* address, ref int addressLength) => LinuxSystemCalls.Accept(listener, address, ref addressLength);

    public static int Wait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds) => LinuxSystemCalls.Wait(epoll, events, maxEvents, timeoutMilliseconds);
}
