using System.Collections.Concurrent;
using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>
/// The kernel's calls, recorded in order. A test can make sends throw, block, or take only their first byte. Static: one test
/// at a time uses it.
/// </summary>
internal readonly unsafe struct RecordingSystemCalls : ISystemCalls
{
    private static volatile bool _sendsFallShort;
    private static volatile int _throwing = -1;

    /// <summary>The socket whose sends throw; -1 for none.</summary>
    public static int Throwing
    {
        get => _throwing;
        set => _throwing = value;
    }

    /// <summary>Runs before each send, with its socket.</summary>
    public static Action<int>? BeforeSend { get; set; }

    /// <summary>Receives that brought something, and sends.</summary>
    public static ConcurrentQueue<(bool IsSend, int Socket)> Calls { get; } = new();

    public static bool SendsFallShort
    {
        get => _sendsFallShort;
        set => _sendsFallShort = value;
    }

    public static nint Receive(int socket, byte* buffer, nint length)
    {
        nint received = LinuxSystemCalls.Receive(socket, buffer, length);
        if (received > 0)
        {
            Calls.Enqueue((false, socket));
        }

        return received;
    }

    public static nint Send(int socket, byte* buffer, nint length)
    {
        BeforeSend?.Invoke(socket);
        ThrowIfPlanned(socket);
        Calls.Enqueue((true, socket));
        return LinuxSystemCalls.Send(socket, buffer, _sendsFallShort ? 1 : length);
    }

    public static nint SendMessage(int socket, IoVector* pieces, int count)
    {
        BeforeSend?.Invoke(socket);
        ThrowIfPlanned(socket);
        Calls.Enqueue((true, socket));
        return LinuxSystemCalls.SendMessage(socket, pieces, count);
    }

    public static int Accept(int listener, byte* address, ref int addressLength) => LinuxSystemCalls.Accept(listener, address, ref addressLength);

    public static int Wait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds) => LinuxSystemCalls.Wait(epoll, events, maxEvents, timeoutMilliseconds);

    private static void ThrowIfPlanned(int socket)
    {
        if (socket == _throwing)
        {
            throw new InvalidOperationException("a send that throws");
        }
    }
}
