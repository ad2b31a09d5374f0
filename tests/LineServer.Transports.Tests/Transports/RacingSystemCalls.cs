using System.Diagnostics;
using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>The kernel's calls; but on one loop a send of two bytes takes the first, says so, and the next sendmsg takes its time. Static: one test at a time uses it.</summary>
internal readonly unsafe struct RacingSystemCalls : ISystemCalls
{
    private static EventLoop? _loop;
    private static int _isShort;

    /// <summary>The loop whose sends fall short; null: none.</summary>
    public static EventLoop? Loop
    {
        get => Volatile.Read(ref _loop);
        set => Volatile.Write(ref _loop, value);
    }

    /// <summary>1 from a send that fell short until it is set back.</summary>
    public static ref int IsShort => ref _isShort;

    public static nint Receive(int socket, byte* buffer, nint length) => LinuxSystemCalls.Receive(socket, buffer, length);

    public static nint Send(int socket, byte* buffer, nint length)
    {
        if (length == 2 && Loop is { IsCurrent: true })
        {
            nint sent = LinuxSystemCalls.Send(socket, buffer, 1);
            Volatile.Write(ref _isShort, 1);
            return sent;
        }

        return LinuxSystemCalls.Send(socket, buffer, length);
    }

    public static nint SendMessage(int socket, IoVector* pieces, int count)
    {
        if (Loop is { IsCurrent: true })
        {
            long until = Stopwatch.GetTimestamp() + (Stopwatch.Frequency / 20_000);
            while (Stopwatch.GetTimestamp() < until)
            {
                // 50 µs
            }
        }

        return LinuxSystemCalls.SendMessage(socket, pieces, count);
    }

    public static int Accept(int listener, byte* address, ref int addressLength) => LinuxSystemCalls.Accept(listener, address, ref addressLength);

    public static int Wait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds) => LinuxSystemCalls.Wait(epoll, events, maxEvents, timeoutMilliseconds);
}
