using System.Diagnostics;
using System.Runtime.InteropServices;
using LineServer.Linux;

namespace LineServer.Perf.Linux;

/// <summary>
/// An epoll instance, edge-triggered. Each descriptor is registered once, with its connection's number as
/// data.
/// </summary>
internal sealed unsafe class EventQueue : IDisposable
{
    public const uint In = 0x1;
    public const uint Out = 0x4;
    public const uint Error = 0x8;
    public const uint HangUp = 0x10;
    public const uint PeerHangUp = 0x2000;
    private const uint EdgeTriggered = 1u << 31;
    private const int EventsAWait = 512;
    private const long NanosecondsASecond = 1_000_000_000;

    // struct epoll_event is packed on x64 only: <sys/epoll.h>.
    private static readonly int DataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int EventSize = DataOffset + 8;

    private readonly int _epoll;
    private readonly byte* _events = (byte*)NativeMemory.AllocZeroed((nuint)(EventsAWait * EventSize));
    private bool _hasNanoseconds = true;

    public EventQueue()
    {
        _epoll = Libc.EpollCreate(Libc.CloseOnExec);
        if (_epoll < 0)
        {
            throw new RunFailedException($"epoll_create1 failed with errno {Marshal.GetLastSystemError()}");
        }
    }

    public void Add(int socket, int connection)
    {
        byte* @event = stackalloc byte[EventSize];
        *(uint*)@event = In | Out | PeerHangUp | EdgeTriggered;
        *(long*)(@event + DataOffset) = connection;
        if (Libc.EpollControl(_epoll, Libc.EpollAdd, socket, @event) != 0)
        {
            throw new RunFailedException($"epoll_ctl failed with errno {Marshal.GetLastSystemError()}");
        }
    }

    /// <summary>Waits for events, at most this long; 0 or less does not wait.</summary>
    /// <returns>The number of events.</returns>
    public int Wait(long nanoseconds)
    {
        nanoseconds = Math.Max(0, nanoseconds);
        nint count;
        if (_hasNanoseconds)
        {
            var timeout = new TimeSpec
            {
                Seconds = nanoseconds / NanosecondsASecond,
                Nanoseconds = nanoseconds % NanosecondsASecond,
            };
            count = MeasuringCalls.SystemCall(MeasuringCalls.EpollPwait2, _epoll, _events, EventsAWait, &timeout, 0, 0);
        }
        else
        {
            // Rounded down: an open loop had better spin for a millisecond than be late by one.
            count = Libc.EpollWait(_epoll, _events, EventsAWait, (int)Math.Min(int.MaxValue, nanoseconds / 1_000_000));
        }

        return count >= 0 ? (int)count : Fail(nanoseconds);
    }

    public uint Events(int index)
    {
        Debug.Assert(index < EventsAWait, "the index is past the last event");
        return *(uint*)(_events + (index * EventSize));
    }

    public int Connection(int index) => (int)*(long*)(_events + (index * EventSize) + DataOffset);

    public void Dispose()
    {
        _ = Libc.Close(_epoll);
        NativeMemory.Free(_events);
    }

    private int Fail(long nanoseconds)
    {
        int error = Marshal.GetLastSystemError();
        switch (error)
        {
            case (int)Errno.EINTR:
                return 0;
            case (int)Errno.ENOSYS when _hasNanoseconds: // before Linux 5.11
                _hasNanoseconds = false;
                return Wait(nanoseconds);
            default:
                throw new RunFailedException($"waiting for events failed with errno {error}");
        }
    }
}
