using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>
/// The kernel's calls, but that one send takes 64 KiB at most; the bytes of one socket are counted by the iteration of
/// its loop. Static: one test at a time uses it.
/// </summary>
internal readonly unsafe struct MeteredSystemCalls : ISystemCalls
{
    public const int Piece = 64 * 1024;

    private static EventLoop? _loop;
    private static int _socket = -1;
    private static int _iteration;
    private static nint _sentInIteration;
    private static long _most;

    public static long MostSentInIteration => Volatile.Read(ref _most);

    public static void Watch(EventLoop? loop, int socket) =>
        (_loop, _socket, _iteration, _sentInIteration) = (loop, socket, 0, 0);

    public static nint Receive(int socket, byte* buffer, nint length) => LinuxSystemCalls.Receive(socket, buffer, length);

    public static nint Send(int socket, byte* buffer, nint length) =>
        Count(socket, LinuxSystemCalls.Send(socket, buffer, Math.Min(length, Piece)));

    public static nint SendMessage(int socket, IoVector* pieces, int count)
    {
        var first = new IoVector { Base = pieces[0].Base, Length = Math.Min(pieces[0].Length, Piece) };
        return Count(socket, LinuxSystemCalls.SendMessage(socket, &first, 1));
    }

    public static int Accept(int listener, byte* address, ref int addressLength) =>
        LinuxSystemCalls.Accept(listener, address, ref addressLength);

    public static int Wait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds) =>
        LinuxSystemCalls.Wait(epoll, events, maxEvents, timeoutMilliseconds);

    private static nint Count(int socket, nint sent)
    {
        if (sent > 0 && socket == _socket && _loop is { IsCurrent: true } loop)
        {
            _sentInIteration = loop.Iteration == _iteration ? _sentInIteration + sent : sent;
            _iteration = loop.Iteration;
            Volatile.Write(ref _most, Math.Max(_most, _sentInIteration));
        }

        return sent;
    }
}
