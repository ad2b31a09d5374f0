using LineServer.Perf.Linux;

namespace LineServer.Perf.Work;

/// <summary>
/// Measures what the server and this thread, which is the generator, use between two moments.
/// </summary>
internal sealed class Interval
{
    private readonly int? _server;
    private readonly ProcessUse? _before;
    private readonly long _ownCpu;
    private readonly long _ownDelay;
    private readonly long _start;
    private readonly long? _serverCpu;
    private Measurement? _used; // null until the interval is stopped

    private Interval(int? server, bool isSharp)
    {
        _server = server;
        (long start, long? cpu) = (Clock.Now, CpuOf(server));
        _before = server is { } process ? ProcessUse.Of(process) : null;
        (_ownCpu, _ownDelay) = (Clock.ThreadCpu, ThreadDelay.Now);
        (_start, cpu) = isSharp ? (start, cpu) : (Clock.Now, CpuOf(server));
        _serverCpu = cpu ?? _before?.CpuNanoseconds;
    }

    /// <summary>
    /// Begins an interval after reading the server's counters, which may take milliseconds.
    /// </summary>
    /// <param name="server">The server's process; null if it is not known.</param>
    public static Interval Begin(int? server) => new(server, isSharp: false);

    /// <summary>
    /// Begins an interval at once, for work that goes on in other processes meanwhile. Switches and faults
    /// are read a little later, at its start as at its end.
    /// </summary>
    /// <param name="server">The server's process; null if it is not known.</param>
    public static Interval BeginNow(int? server) => new(server, isSharp: true);

    /// <summary>
    /// Ends the wall time and the CPU time. <see cref="End"/> reads the rest, which takes a while.
    /// </summary>
    public void Stop()
    {
        double seconds = (Clock.Now - _start) / 1e9;
        _used = new()
        {
            Seconds = seconds,
            GeneratorCpuSeconds = (Clock.ThreadCpu - _ownCpu) / 1e9,
            GeneratorDelaySeconds = (ThreadDelay.Now - _ownDelay) / 1e9,
            ServerCpuSeconds = (CpuOf(_server) - _serverCpu) / 1e9,
        };
    }

    /// <summary>Ends the interval. The caller adds lines and latencies.</summary>
    public Measurement End()
    {
        if (_used is null)
        {
            Stop();
        }

        ProcessUse? after = _server is { } process ? ProcessUse.Of(process) : null;
        return _used! with
        {
            ServerCpuSeconds = _used.ServerCpuSeconds ?? ((after?.CpuNanoseconds - _serverCpu) / 1e9),
            ServerVoluntarySwitches = after?.VoluntarySwitches - _before?.VoluntarySwitches,
            ServerInvoluntarySwitches = after?.InvoluntarySwitches - _before?.InvoluntarySwitches,
            ServerMinorFaults = after?.MinorFaults - _before?.MinorFaults,
            ServerResidentBytes = after?.ResidentBytes,
            ServerDescriptors = after?.Descriptors,
        };
    }

    private static long? CpuOf(int? process) => process is { } known ? Clock.CpuOf(known) : null;
}
