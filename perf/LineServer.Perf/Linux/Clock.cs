using System.Diagnostics;

namespace LineServer.Perf.Linux;

/// <summary>Clocks of clock_gettime(2), in nanoseconds.</summary>
internal static unsafe class Clock
{
    /// <summary>
    /// The monotonic clock. <see cref="Stopwatch"/> reads the same one; its tick is a nanosecond on Linux.
    /// </summary>
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
    /// CPU time of all threads that a process has or had; null if the process is gone. Exact for threads that
    /// are switched out; within a scheduler tick (1 to 4 ms) for threads that run on another core at the
    /// moment.
    /// </summary>
    /// <remarks>clock_getcpuclockid(3) computes the clock's number in the same way.</remarks>
    public static long? CpuOf(int process) => Read((~process << 3) | MeasuringCalls.ProcessCpuClock);

    private static long? Read(int clock)
    {
        TimeSpec time;
        return MeasuringCalls.GetClock(clock, &time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : null;
    }
}
