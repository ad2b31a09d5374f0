namespace LineServer.Perf.Work;

/// <summary>The workloads by name. To add one, add a line.</summary>
internal static class Workloads
{
    public static readonly Workload[] All =
    [
        new("request-reply", WorkloadKind.ClosedLoop, Connections: 50, Window: 1, LineSize: 32),
        new("pipelined", WorkloadKind.ClosedLoop, Connections: 50, Window: 64, LineSize: 32),
        new("many", WorkloadKind.ClosedLoop, Connections: 5_000, Window: 1, LineSize: 32),
        new("fat-pipe", WorkloadKind.ClosedLoop, Connections: 1, Window: 1_024, LineSize: 32),
        new("big-lines", WorkloadKind.ClosedLoop, Connections: 10, Window: 16, LineSize: 4_096),
        new("steady", WorkloadKind.OpenLoop, Connections: 200, Window: 1, LineSize: 32, Rate: 20_000),
        new("idle", WorkloadKind.Idle, Connections: 10_000, Window: 1, LineSize: 32),
        new("flood", WorkloadKind.Flood, Connections: 100, Window: 1, LineSize: 32, Rate: 2_000),
    ];

    /// <exception cref="UsageException">There is none of this name.</exception>
    public static Workload Find(string name) =>
        All.FirstOrDefault(workload => workload.Name == name)
        ?? throw new UsageException($"there is no workload '{name}'; there are: {string.Join(", ", All.Select(workload => workload.Name))}");
}
