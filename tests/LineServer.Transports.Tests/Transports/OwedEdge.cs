using System.Runtime.InteropServices;
using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Transports;

/// <summary>
/// Edges for those who were lied to. An edge-triggered reader may believe EAGAIN, and a short read: more comes with an edge. So who makes
/// them up sees to the edge: setting SO_RCVLOWAT makes the kernel signal input that is there, setting SO_SNDBUF room that is there.
/// </summary>
internal static unsafe class OwedEdge
{
    private const int LevelSocket = 1;
    private const int SendBuffer = 7;
    private const int ReceiveLowWater = 18;
    private const short PollIn = 1;
    private const short PollOut = 4;
    private const short PollReadHangUp = 0x2000;
    private const short HungUp = 8 | 16 | PollReadHangUp; // POLLERR, POLLHUP

    /// <summary>False: the other side has ended or is lost. Its edge has come, and none will come again: this may not be hidden.</summary>
    public static bool OfInput(int socket)
    {
        if ((Poll(socket, PollIn | PollReadHangUp) & HungUp) != 0)
        {
            return false;
        }

        int one = 1; // as it was
        _ = Libc.SetSocketOption(socket, LevelSocket, ReceiveLowWater, &one, sizeof(int));
        return true;
    }

    /// <summary>False: as above.</summary>
    public static bool OfRoom(int socket)
    {
        // If there is no room, poll(2) has the kernel note that somebody waits for it.
        if ((Poll(socket, PollOut) & HungUp) != 0)
        {
            return false;
        }

        int size;
        int length = sizeof(int);
        _ = Libc.GetSocketOption(socket, LevelSocket, SendBuffer, &size, &length);
        size /= 2; // the kernel doubles it
        _ = Libc.SetSocketOption(socket, LevelSocket, SendBuffer, &size, sizeof(int));
        return true;
    }

    private static short Poll(int socket, short events)
    {
        var poll = new PollDescriptor { Descriptor = socket, Events = events };
        _ = Poll(&poll, 1, 0);
        return poll.Returned;
    }

    [DllImport("libc", EntryPoint = "poll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
