using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>
/// struct epoll_event of &lt;sys/epoll.h&gt;. It is packed only on x86 and x64, so its size depends on the
/// architecture.
/// </summary>
internal static unsafe class EpollEvent
{
    public const uint In = 0x001;
    public const uint Urgent = 0x002; // EPOLLPRI
    public const uint Out = 0x004;
    public const uint Error = 0x008;
    public const uint HangUp = 0x010;
    public const uint ReadHangUp = 0x2000;
    public const uint EdgeTriggered = 1u << 31;

    /// <summary>The size of one event, in bytes.</summary>
    public static readonly int Size = SizeOn(RuntimeInformation.ProcessArchitecture);

    /// <summary>The size of one event on an architecture, in bytes.</summary>
    public static int SizeOn(Architecture architecture) =>
        architecture is Architecture.X64 or Architecture.X86 ? 12 : 16;

    public static uint Events(byte* @event) => Unsafe.ReadUnaligned<uint>(@event);

    public static ulong Data(byte* @event) => Unsafe.ReadUnaligned<ulong>(@event + Size - sizeof(ulong));

    public static void Write(byte* @event, uint events, ulong data)
    {
        Unsafe.WriteUnaligned(@event, events);
        Unsafe.WriteUnaligned(@event + Size - sizeof(ulong), data);
    }
}
