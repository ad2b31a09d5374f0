using LineServer.Perf.Linux;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>The servers, the workloads and the settings of a comparison.</summary>
internal sealed record ComparisonOptions
{
    public required IReadOnlyList<ServerCommand> Servers { get; init; }

    public required IReadOnlyList<Workload> Workloads { get; init; }

    public required int Rounds { get; init; }

    /// <summary>Length of each measured interval.</summary>
    public required TimeSpan Time { get; init; }

    /// <summary>Warm-up before the first interval of a server's process.</summary>
    public required TimeSpan WarmUp { get; init; }

    /// <summary>Warm-up before its later intervals.</summary>
    public required TimeSpan LaterWarmUp { get; init; }

    public required Cores ServerCores { get; init; }

    public required Cores GeneratorCores { get; init; }

    /// <summary>The server that ratios refer to.</summary>
    public required string Reference { get; init; }

    /// <summary>Where the directories of servers that store are made.</summary>
    public required string StoreRoot { get; init; }

    public TimeSpan ReplyTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
