using System.Globalization;

namespace LineServer.Perf.Linux;

/// <summary>How long the calling thread has been ready to run, and another had its core.</summary>
internal static class ThreadDelay
{
    /// <summary>In nanoseconds since the thread began: the second number of /proc/thread-self/schedstat (the kernel's sched-stats.rst). 0 where the kernel does not count it.</summary>
    public static long Now
    {
        get
        {
            try
            {
                return long.Parse(File.ReadAllText("/proc/thread-self/schedstat").Split(' ')[1], CultureInfo.InvariantCulture);
            }
            catch (IOException)
            {
                return 0;
            }
        }
    }
}
