using LineServer.Perf.Linux;

namespace LineServer.Perf.Work;

/// <summary>What the server and this thread, which is the generator, use between two moments.</summary>
internal sealed class Interval
{
    private readonly int? _server;
    private readonly ProcessUse? _before;
    private readonly long _ownCpu;
    private readonly long _start;

    private Interval(int? server)
    {
        _server = server;
        _before = server is { } process ? ProcessUse.Of(process) : null;
        _ownCpu = Clock.ThreadCpu;
        _start = Clock.Now;
    }

    /// <param name="server">The server's process, if it is known.</param>
    public static Interval Begin(int? server) => new(server);

    /// <summary>Ends it; the lines and latencies are for the caller to add.</summary>
    public Measurement End()
    {
        double seconds = (Clock.Now - _start) / 1e9;
        double ownCpu = (Clock.ThreadCpu - _ownCpu) / 1e9;
        ProcessUse? after = _server is { } process ? ProcessUse.Of(process) : null;
        return new()
        {
            Seconds = seconds,
            GeneratorCpuSeconds = ownCpu,
            ServerCpuSeconds = (after?.CpuNanoseconds - _before?.CpuNanoseconds) / 1e9,
            ServerVoluntarySwitches = after?.VoluntarySwitches - _before?.VoluntarySwitches,
            ServerInvoluntarySwitches = after?.InvoluntarySwitches - _before?.InvoluntarySwitches,
            ServerMinorFaults = after?.MinorFaults - _before?.MinorFaults,
            ServerResidentBytes = after?.ResidentBytes,
            ServerDescriptors = after?.Descriptors,
        };
    }
}
