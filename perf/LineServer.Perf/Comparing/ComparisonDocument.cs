using LineServer.Perf.Linux;
using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>All that a comparison found, and on what it ran: what its JSON file holds, and what every table and chart is made from.</summary>
internal sealed record ComparisonDocument
{
    /// <summary>Counts up when a reader of the one before would misread a file.</summary>
    public const int CurrentFormat = 1;

    public required int Format { get; init; }

    /// <summary>The command that made it, as a shell reads it.</summary>
    public required string Command { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>From the start to the end of the last workload in it, with all builds and warm-ups.</summary>
    public required double DurationSeconds { get; init; }

    public required Machine Machine { get; init; }

    /// <summary>As taskset writes them.</summary>
    public required string ServerCores { get; init; }

    /// <summary>As taskset writes them.</summary>
    public required string GeneratorCores { get; init; }

    /// <summary>Turns of each server.</summary>
    public required int Rounds { get; init; }

    /// <summary>Of each measured interval.</summary>
    public required double Seconds { get; init; }

    /// <summary>Before the first interval of a server's process.</summary>
    public required double WarmUpSeconds { get; init; }

    /// <summary>Before its later intervals.</summary>
    public required double LaterWarmUpSeconds { get; init; }

    /// <summary>The server that the others are divided by.</summary>
    public required string Reference { get; init; }

    /// <summary>In the order of the tables, those without a result too.</summary>
    public required IReadOnlyList<ComparedServer> Servers { get; init; }

    /// <summary>Those that have run so far.</summary>
    public required IReadOnlyList<Workload> Workloads { get; init; }

    /// <summary>Each server that has no result of a workload, with the reason.</summary>
    public required IReadOnlyList<Absence> Absences { get; init; }

    public required IReadOnlyList<Round> Measurements { get; init; }

    /// <summary>Why a server has no result of a workload; null when it has one.</summary>
    public string? ReasonFor(string workload, string server) =>
        Absences.FirstOrDefault(absence => absence.Workload == workload && absence.Server == server)?.Reason;

    /// <summary>A workload's rounds. Those of a server that failed in a later one are left out: nobody knows what else it did wrong.</summary>
    public Ranking RankingOf(string workload) => RankingOf(workload, Reference);

    /// <summary>The same, with ratios to another server than the reference.</summary>
    public Ranking RankingOf(string workload, string reference) =>
        new([.. Measurements.Where(round => round.Workload == workload && ReasonFor(workload, round.Server) is null)], reference);
}
