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
    private const short PollOut = 4;

    public static void OfInput(int socket)
    {
        int one = 1; // as it was
        _ = Libc.SetSocketOption(socket, LevelSocket, ReceiveLowWater, &one, sizeof(int));
    }

    public static void OfRoom(int socket)
    {
        // If there is no room, poll(2) has the kernel note that somebody waits for it.
        var poll = new PollDescriptor { Descriptor = socket, Events = PollOut };
        _ = Poll(&poll, 1, 0);
        int size;
        int length = sizeof(int);
        _ = Libc.GetSocketOption(socket, LevelSocket, SendBuffer, &size, &length);
        size /= 2; // the kernel doubles it
        _ = Libc.SetSocketOption(socket, LevelSocket, SendBuffer, &size, sizeof(int));
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
