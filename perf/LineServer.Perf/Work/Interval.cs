using LineServer.Perf.Linux;

namespace LineServer.Perf.Work;

/// <summary>What the server and this thread, which is the generator, use between two moments.</summary>
internal sealed class Interval
{
    private readonly int? _server;
    private readonly ProcessUse? _before;
    private readonly long _ownCpu;
    private readonly long _ownDelay;
    private readonly long _start;
    private readonly long? _serverCpu;
    private Measurement? _used; // when it has been stopped

    private Interval(int? server, bool isSharp)
    {
        _server = server;
        (long start, long? cpu) = (Clock.Now, CpuOf(server));
        _before = server is { } process ? ProcessUse.Of(process) : null;
        (_ownCpu, _ownDelay) = (Clock.ThreadCpu, ThreadDelay.Now);
        (_start, cpu) = isSharp ? (start, cpu) : (Clock.Now, CpuOf(server));
        _serverCpu = cpu ?? _before?.CpuNanoseconds;
    }

    /// <summary>Begins one when all about the server has been read, which may take milliseconds.</summary>
    /// <param name="server">The server's process, if it is known.</param>
    public static Interval Begin(int? server) => new(server, isSharp: false);

    /// <summary>Begins one at once, for work that goes on in other processes meanwhile; switches and faults are those of a while later, as they are in the end.</summary>
    /// <param name="server">The server's process, if it is known.</param>
    public static Interval BeginNow(int? server) => new(server, isSharp: true);

    /// <summary>Its time ends, and the CPU time in it; the rest is read by <see cref="End"/>, which takes a while.</summary>
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

    /// <summary>Ends it; the lines and latencies are for the caller to add.</summary>
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
