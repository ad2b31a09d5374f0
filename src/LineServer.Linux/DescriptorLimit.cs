namespace LineServer.Linux;

/// <summary>
/// Whether few descriptors are left (RLIMIT_NOFILE: getrlimit(2)). The kernel gives the lowest number that is free, so the number that it gives
/// says how many are taken.
/// </summary>
internal sealed unsafe class DescriptorLimit
{
    // A pipe of .NET's own (strace, .NET 10). Without it the process ends, "Out of memory", and nobody can catch that.
    private const int TakenByThread = 2;

    // Twice what accepting leaves free: threads of the pool, assemblies, log files come after the start.
    private const int KeptForProcess = 64;

    private readonly long _firstReserved = long.MaxValue;

    /// <param name="reserved">Descriptors to leave free.</param>
    public DescriptorLimit(int reserved)
    {
        if (reserved > 0 && Current() is var limit && limit < int.MaxValue)
        {
            _firstReserved = limit - reserved;
        }
    }

    /// <summary>Descriptors that this process may have at once.</summary>
    public static long Current()
    {
        ulong* currentAndMost = stackalloc ulong[2];
        return Libc.GetLimit(Libc.ResourceOpenFiles, currentAndMost) == 0 ? (long)Math.Min(currentAndMost[0], long.MaxValue) : long.MaxValue;
    }

    /// <summary>Before a thread is started: whether .NET gets the descriptors that it takes for one.</summary>
    /// <exception cref="IOException">It does not.</exception>
    public static void ThrowIfNoneForThread()
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

        if (!isEnough)
        {
            throw new IOException("No file descriptor is left to start a thread (RLIMIT_NOFILE).");
        }
    }

    /// <summary>
    /// Connections that the descriptors at hand suffice for: RLIMIT_NOFILE, less those that are open, less some for the rest of the
    /// process. At least 1; null where no limit is known.
    /// </summary>
    public static int? ConnectionsAtHand()
    {
        ulong* currentAndMost = stackalloc ulong[2];
        if (!OperatingSystem.IsLinux()
            || Libc.GetLimit(Libc.ResourceOpenFiles, currentAndMost) != 0
            || currentAndMost[0] > int.MaxValue)
        {
            return null;
        }

        int open = Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0;
        return Math.Max((int)currentAndMost[0] - open - KeptForProcess, 1);
    }

    /// <summary>True if a descriptor that was just given is one of those to leave free.</summary>
    public bool IsReserved(int descriptor) => descriptor >= _firstReserved;

    /// <summary>True if the next descriptor would be one.</summary>
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
