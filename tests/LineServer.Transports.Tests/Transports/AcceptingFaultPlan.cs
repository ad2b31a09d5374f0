using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>
/// <see cref="FaultPlan"/>, but accept never lacks a descriptor or memory: a listener that does while it is unbound gives up what waits in its backlog,
/// and <see cref="Transport.AcceptsBacklogAfterUnbind"/> would be true only now and then.
/// </summary>
internal readonly struct AcceptingFaultPlan : IFaultPlan
{
    public static Errno OnReceive(int socket) => FaultPlan.OnReceive(socket);

    public static Errno OnSend(int socket) => FaultPlan.OnSend(socket);

    public static Errno OnAccept()
    {
        Errno error = FaultPlan.OnAccept();
        return SocketErrors.OnAccept(error) == AcceptOutcome.BackOff ? FaultySystemCalls.None : error;
    }

    public static Errno OnWait() => FaultPlan.OnWait();

    public static nint Shorten(nint length) => FaultPlan.Shorten(length);
}
