using LineServer.Perf.Comparing;
using LineServer.Perf.Linux;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>All tables of a comparison: those over all workloads, and one per workload.</summary>
internal static class ReportTables
{
    /// <summary>The names of tables that are not a workload's. No workload can have such a name.</summary>
    public static IReadOnlyList<string> OwnNames { get; } =
    [
        "overview",
        "servers",
        "machine",
        "absences",
        .. ScaleTables.Names,
    ];

    public static IReadOnlyList<ReportTable> Of(ComparisonDocument document) =>
    [
        Overview(document),
        .. document.Workloads.Select(workload => WorkloadTable.Of(document, workload)),
        .. ScaleTables.Of(document),
        Servers(document),
        MachineOf(document),
        Absences(document),
    ];

    /// <summary>Rows have ratios to the reference; the reference's own row has the figures.</summary>
    public static ReportTable Overview(ComparisonDocument document)
    {
        Workload[] shown = [.. document.Workloads.Where(workload => Overviewed(document, workload) is not null)];
        return new(
            "overview",
            $"CPU time of the server per line (lines per second), as ratios to {document.Reference}, " +
            $"whose own row has the figures; memory in bytes per idle connection. Medians of {document.Rounds} " +
            "rounds",
            ["server", .. shown.Select(workload => workload.Name)],
            [
                .. document.Servers.Select(server => (IReadOnlyList<string>)
                [
                    server.Name,
                    .. shown.Select(workload => Overviewed(document, workload)!(server.Name)),
                ]),
            ]);
    }

    public static ReportTable Servers(ComparisonDocument document) => new(
        "servers",
        "Servers",
        ["server", "version", "command"],
        [
            .. document.Servers.Select(server =>
                (IReadOnlyList<string>)[server.Name, server.Version ?? "–", server.Command]),
        ])
    {
        TextColumns = 3,
    };

    public static ReportTable MachineOf(ComparisonDocument document)
    {
        Machine machine = document.Machine;
        return new(
            "machine",
            "Machine and measurement",
            ["", ""],
            [
                ["processor", $"{machine.Processor}, {machine.Cores} cores"],
                ["clock governor", machine.Governor ?? "none visible"],
                ["memory", Quantity.Bytes(machine.MemoryBytes)],
                ["kernel", machine.Kernel],
                ["system", machine.Distribution],
                ["runtime", machine.Runtime],
                ["cores", $"server {document.ServerCores}, generator {document.GeneratorCores}"],
                [
                    "rounds",
                    $"{document.Rounds} of {document.Seconds:0.##} s, warm-up {document.WarmUpSeconds:0.##} s, " +
                    $"later {document.LaterWarmUpSeconds:0.##} s",
                ],
                [
                    "started",
                    $"{document.Started:yyyy-MM-dd HH:mm zzz}, took " +
                    $"{TimeSpan.FromSeconds(Math.Round(document.DurationSeconds)):g}",
                ],
                ["command", document.Command],
            ])
        {
            TextColumns = 2,
        };
    }

    public static ReportTable Absences(ComparisonDocument document) => new(
        "absences",
        document.Absences.Count == 0 ? "No server is without a result" : "Servers without a result",
        ["server", "workloads", "reason"],
        [
            .. document.Absences.GroupBy(absence => (absence.Server, absence.Reason)).Select(group => (IReadOnlyList<string>)
            [
                group.Key.Server,
                string.Join(", ", group.Select(absence => absence.Workload)),
                group.Key.Reason,
            ]),
        ])
    {
        TextColumns = 3,
    };

    // Returns the overview's cells for a workload, by server; null if the overview leaves the workload out.
    private static Func<string, string>? Overviewed(ComparisonDocument document, Workload workload)
    {
        Ranking ranking = document.RankingOf(workload.Name);
        bool isMemory = workload.Kind == WorkloadKind.Idle
            && ranking.Of(document.Reference, measured => measured.BytesPerConnection) is not null;
        bool isCapacity = workload.Kind == WorkloadKind.ClosedLoop;
        return isMemory || isCapacity
            ? server => document.ReasonFor(workload.Name, server) is not null ? "no result"
                : isMemory ? Memory(ranking, server)
                : Capacity(ranking, server, document.Reference)
            : null;
    }

    private static string Memory(Ranking ranking, string server) =>
        ranking.Of(server, measured => measured.BytesPerConnection)?.Median.ToString("#,0 B") ?? "–";

    private static string Capacity(Ranking ranking, string server, string reference)
    {
        Func<Measurement, double?> cpu = measured => measured.ServerCpuNanosecondsPerLine;
        Func<Measurement, double?> lines = measured => measured.LinesPerSecond;
        string mark = ranking.Count(server, measured => measured.GeneratorSaturated) > 0 ? "≥ " : "";
        return server == reference
            ? ranking.Of(server, cpu) is { } own
                ? $"{Quantity.Nanoseconds(own.Median)} " +
                  $"({mark}{Quantity.LinesASecond(ranking.Of(server, lines)!.Median)})"
                : "–"
            : ranking.RatioOf(server, cpu) is { } ratio
                ? $"{Quantity.Ratio(ratio.Median)} ({mark}{Quantity.Ratio(ranking.RatioOf(server, lines)!.Median)})"
                : "–";
    }
}
