using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>What a plan says where it spoils nothing.</summary>
internal static class FaultySystemCalls
{
    /// <summary>No error: the call is made.</summary>
    public const Errno None = default;
}

/// <summary>The kernel's calls, but for what the plan spoils.</summary>
internal readonly unsafe struct FaultySystemCalls<TPlan> : ISystemCalls
    where TPlan : struct, IFaultPlan
{
    public static nint Receive(int socket, byte* buffer, nint length)
    {
        ThrowIfPlanned(FaultyCall.Receive, socket);
        Errno error = TPlan.OnReceive(socket);
        if (error == Errno.EAGAIN && !OwedEdge.OfInput(socket))
        {
            error = FaultySystemCalls.None;
        }

        if (error == FaultySystemCalls.None)
        {
            nint most = TPlan.Shorten(length);
            nint received = LinuxSystemCalls.Receive(socket, buffer, most);
            if (received == most && most < length)
            {
                _ = OwedEdge.OfInput(socket);
            }

            return received;
        }

        return -(nint)error;
    }

    public static nint Send(int socket, byte* buffer, nint length)
    {
        Errno error = OnSend(socket);
        return error == FaultySystemCalls.None ? Sent(socket, LinuxSystemCalls.Send(socket, buffer, TPlan.Shorten(length)), length) : -(nint)error;
    }

    public static nint SendMessage(int socket, IoVector* pieces, int count)
    {
        Errno error = OnSend(socket);
        if (error != FaultySystemCalls.None)
        {
            return -(nint)error;
        }

        nint total = 0;
        for (int i = 0; i < count; i++)
        {
            total += pieces[i].Length;
        }

        IoVector* fewer = stackalloc IoVector[count];
        nint left = TPlan.Shorten(total);
        int used = 0;
        for (; used < count && left > 0; used++)
        {
            fewer[used] = new IoVector { Base = pieces[used].Base, Length = Math.Min(left, pieces[used].Length) };
            left -= fewer[used].Length;
        }

        return Sent(socket, LinuxSystemCalls.SendMessage(socket, fewer, used), total);
    }

    public static int Accept(int listener, byte* address, ref int addressLength)
    {
        ThrowIfPlanned(FaultyCall.Accept, listener);
        Errno error = TPlan.OnAccept();
        return error == FaultySystemCalls.None ? LinuxSystemCalls.Accept(listener, address, ref addressLength) : -(int)error;
    }

    public static int Wait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds)
    {
        Errno error = TPlan.OnWait();
        return error == FaultySystemCalls.None ? LinuxSystemCalls.Wait(epoll, events, maxEvents, timeoutMilliseconds) : -(int)error;
    }

    private static nint Sent(int socket, nint sent, nint asked)
    {
        if (sent >= 0 && sent < asked)
        {
            _ = OwedEdge.OfRoom(socket);
        }

        return sent;
    }

    private static void ThrowIfPlanned(FaultyCall call, int socket)
    {
        if (TPlan.OnCall(call, socket) is { } exception)
        {
            throw exception;
        }
    }

    private static Errno OnSend(int socket)
    {
        ThrowIfPlanned(FaultyCall.Send, socket);
        Errno error = TPlan.OnSend(socket);
        return error == Errno.EAGAIN && !OwedEdge.OfRoom(socket) ? FaultySystemCalls.None : error;
    }
}
