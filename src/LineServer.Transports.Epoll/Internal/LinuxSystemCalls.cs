using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The kernel's system calls.</summary>
internal readonly unsafe struct LinuxSystemCalls : ISystemCalls
{
    public static nint Receive(int socket, byte* buffer, nint length)
    {
        nint received = Libc.Receive(socket, buffer, length, 0);
        return received >= 0 ? received : -Marshal.GetLastSystemError();
    }

    public static nint Send(int socket, byte* buffer, nint length)
    {
        nint sent = Libc.Send(socket, buffer, length, Libc.NoSignal);
        return sent >= 0 ? sent : -Marshal.GetLastSystemError();
    }

    public static nint SendMessage(int socket, IoVector* pieces, int count)
    {
        var message = new MessageHeader { Pieces = pieces, PieceCount = count };
        nint sent = Libc.SendMessage(socket, &message, Libc.NoSignal);
        return sent >= 0 ? sent : -Marshal.GetLastSystemError();
    }

    public static int Accept(int listener, byte* address, ref int addressLength)
    {
        fixed (int* length = &addressLength)
        {
            int accepted = Libc.Accept(listener, address, length, Libc.NonBlocking | Libc.CloseOnExec);
            return accepted >= 0 ? accepted : -Marshal.GetLastSystemError();
        }
    }

    public static int Wait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds)
    {
        int ready = Libc.EpollWait(epoll, events, maxEvents, timeoutMilliseconds);
        return ready >= 0 ? ready : -Marshal.GetLastSystemError();
    }
}
