using System.Globalization;

namespace LineServer.Perf.Linux;

/// <summary>
/// The time for which the calling thread was ready to run while another thread had its core.
/// </summary>
internal static class ThreadDelay
{
    /// <summary>
    /// Nanoseconds since the thread began: the second number of /proc/thread-self/schedstat (the kernel's
    /// sched-stats.rst). 0 if the kernel does not count it.
    /// </summary>
    public static long Now
    {
        get
        {
            try
            {
                return long.Parse(
                    File.ReadAllText("/proc/thread-self/schedstat").Split(' ')[1], CultureInfo.InvariantCulture);
            }
            catch (IOException)
            {
                return 0;
            }
        }
    }
}
