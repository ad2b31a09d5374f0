using System.Net.Sockets;
using System.Runtime.InteropServices;
using LineServer.Transports.Epoll.Internal;

namespace LineServer.Transports.Tests.Support;

/// <summary>sendmsg(2) with SCM_RIGHTS: bytes, and a descriptor with them. unix(7), cmsg(3).</summary>
internal static unsafe class DescriptorSender
{
    private const int Rights = 1; // SCM_RIGHTS

    /// <summary>Sends all of them; the socket blocks.</summary>
    public static void Send(Socket socket, ReadOnlySpan<byte> bytes, SafeHandle descriptor)
    {
        bool added = false;
        descriptor.DangerousAddRef(ref added);
        var control = new ControlMessage { Length = 20, Level = Libc.LevelSocket, Type = Rights, Descriptor = (int)descriptor.DangerousGetHandle() };
        fixed (byte* start = bytes)
        {
            var piece = new IoVector { Base = start, Length = bytes.Length };
            var message = new MessageHeader { Pieces = &piece, PieceCount = 1, Control = (byte*)&control, ControlLength = sizeof(ControlMessage) };
            nint sent = Libc.SendMessage((int)socket.Handle, &message, Libc.NoSignal);
            Assert.Equal(bytes.Length, sent);
        }

        descriptor.DangerousRelease();
    }

    // struct cmsghdr and one int, aligned as CMSG_SPACE has it on a 64-bit machine.
    [StructLayout(LayoutKind.Sequential)]
    private struct ControlMessage
    {
        public nint Length;
        public int Level;
        public int Type;
        public int Descriptor;
        public int Padding;
    }
}
