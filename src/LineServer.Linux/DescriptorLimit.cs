namespace LineServer.Linux;

/// <summary>
/// Detects that few descriptors are left (RLIMIT_NOFILE: getrlimit(2)). The kernel hands out the lowest free
/// number, so a new descriptor's number tells how many are in use.
/// </summary>
internal sealed unsafe class DescriptorLimit
{
    // .NET opens a pipe per thread (seen with strace, .NET 10). If it cannot, the process ends with "Out of
    // memory", which no code can catch.
    private const int TakenByThread = 2;

    // Twice the accept loop's reserve: pool threads, assemblies and log files come after the start.
    private const int KeptForProcess = 64;

    private readonly long _firstReserved = long.MaxValue;

    /// <param name="reserved">How many descriptors to leave free.</param>
    public DescriptorLimit(int reserved)
    {
        if (reserved > 0 && Current() is var limit && limit < int.MaxValue)
        {
            _firstReserved = limit - reserved;
        }
    }

    /// <summary>The most descriptors that this process may have open.</summary>
    public static long Current()
    {
        ulong* currentAndMost = stackalloc ulong[2];
        return Libc.GetLimit(Libc.ResourceOpenFiles, currentAndMost) == 0
            ? (long)Math.Min(currentAndMost[0], long.MaxValue)
            : long.MaxValue;
    }

    /// <summary>
    /// Call before starting a thread: throws if .NET could not get the descriptors that a thread needs.
    /// </summary>
    /// <exception cref="IOException">Too few descriptors are left.</exception>
    public static void ThrowIfNoneForThread()
    {
        if (!HasSomeForThread())
        {
            throw new IOException("No file descriptor is left to start a thread (RLIMIT_NOFILE).");
        }
    }

    /// <summary>True if .NET could get the descriptors that a new thread needs.</summary>
    public static bool HasSomeForThread()
    {
        int* probes = stackalloc int[TakenByThread];
        int found = 0;
        while (found < TakenByThread && (probes[found] = Libc.EventDescriptor(0, Libc.CloseOnExec)) >= 0)
        {
            found++;
        }

        bool isEnough = found == TakenByThread;
        while (found > 0)
        {
            _ = Libc.Close(probes[--found]);
        }

        return isEnough;
    }

    /// <summary>
    /// How many connections the remaining descriptors allow: RLIMIT_NOFILE, less the open ones, less a
    /// reserve for the rest of the process. At least 1; null if no limit is known.
    /// </summary>
    /// <param name="reserved">What else needs descriptors later.</param>
    public static int? ConnectionsAtHand(int reserved = 0)
    {
        ulong* currentAndMost = stackalloc ulong[2];
        if (!OperatingSystem.IsLinux()
            || Libc.GetLimit(Libc.ResourceOpenFiles, currentAndMost) != 0
            || currentAndMost[0] > int.MaxValue)
        {
            return null;
        }

        int open = Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0;
        return (int)Math.Max((long)currentAndMost[0] - open - KeptForProcess - reserved, 1);
    }

    /// <summary>True if a new descriptor is one of the reserved ones.</summary>
    public bool IsReserved(int descriptor) => descriptor >= _firstReserved;

    /// <summary>True if the next descriptor would be a reserved one, or if none is left.</summary>
    public bool IsReached()
    {
        if (_firstReserved == long.MaxValue)
        {
            return false;
        }

        int probe = Libc.EventDescriptor(0, Libc.CloseOnExec);
        if (probe >= 0)
        {
            _ = Libc.Close(probe);
        }

        return probe < 0 || IsReserved(probe);
    }
}
