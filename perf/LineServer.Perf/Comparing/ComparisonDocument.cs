using LineServer.Perf.Linux;
using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>
/// The result of a comparison: the content of its JSON file, and the source of all tables and charts.
/// </summary>
internal sealed record ComparisonDocument
{
    /// <summary>Increases when older readers would misread the file.</summary>
    public const int CurrentFormat = 1;

    public required int Format { get; init; }

    /// <summary>The lineperf command, in shell syntax.</summary>
    public required string Command { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Time from the start to the end of the last workload, with builds and warm-ups.</summary>
    public required double DurationSeconds { get; init; }

    public required Machine Machine { get; init; }

    /// <summary>In the notation of taskset.</summary>
    public required string ServerCores { get; init; }

    /// <summary>In the notation of taskset.</summary>
    public required string GeneratorCores { get; init; }

    /// <summary>Turns per server.</summary>
    public required int Rounds { get; init; }

    /// <summary>Length of each measured interval.</summary>
    public required double Seconds { get; init; }

    /// <summary>Warm-up before the first interval of a server's process.</summary>
    public required double WarmUpSeconds { get; init; }

    /// <summary>Warm-up before its later intervals.</summary>
    public required double LaterWarmUpSeconds { get; init; }

    /// <summary>The server that ratios refer to.</summary>
    public required string Reference { get; init; }

    /// <summary>In the order of the tables, including servers without a result.</summary>
    public required IReadOnlyList<ComparedServer> Servers { get; init; }

    /// <summary>The workloads that have run so far.</summary>
    public required IReadOnlyList<Workload> Workloads { get; init; }

    /// <summary>Each server without a result for a workload, with the reason.</summary>
    public required IReadOnlyList<Absence> Absences { get; init; }

    public required IReadOnlyList<Round> Measurements { get; init; }

    /// <summary>Why a server has no result for a workload; null if it has one.</summary>
    public string? ReasonFor(string workload, string server) =>
        Absences.FirstOrDefault(absence => absence.Workload == workload && absence.Server == server)?.Reason;

    /// <summary>
    /// The rounds of a workload. If a server failed in a round, its earlier rounds are left out too: nobody
    /// knows what else it did wrong.
    /// </summary>
    public Ranking RankingOf(string workload) => RankingOf(workload, Reference);

    /// <summary>The same, with ratios to another server than the reference.</summary>
    public Ranking RankingOf(string workload, string reference) =>
        new(
            [.. Measurements.Where(round => round.Workload == workload && ReasonFor(workload, round.Server) is null)],
            reference);
}
