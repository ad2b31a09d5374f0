using System.Diagnostics;

namespace LineServer.Perf.Linux;

/// <summary>Clocks of clock_gettime(2), in nanoseconds.</summary>
internal static unsafe class Clock
{
    /// <summary>Monotonic. It is what <see cref="Stopwatch"/> reads, whose tick is a nanosecond on Linux.</summary>
    public static long Now
    {
        get
        {
            Debug.Assert(Stopwatch.Frequency == 1_000_000_000, "a tick is not a nanosecond");
            return Stopwatch.GetTimestamp();
        }
    }

    /// <summary>CPU time of the calling thread.</summary>
    public static long ThreadCpu => Read(MeasuringCalls.ThreadCpuClock) ?? 0;

    /// <summary>
    /// CPU time of all threads that a process has or had; null when it is gone. To the nanosecond for what has been switched out, and to the
    /// scheduler's tick (1 to 4 ms) for a thread that runs on another core just now.
    /// </summary>
    /// <remarks>clock_getcpuclockid(3) makes the clock's number in this way.</remarks>
    public static long? CpuOf(int process) => Read((~process << 3) | MeasuringCalls.ProcessCpuClock);

    private static long? Read(int clock)
    {
        TimeSpec time;
        return MeasuringCalls.GetClock(clock, &time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : null;
    }
}
