using LineServer.Perf.Reporting.Charts;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>A figure with one chart per workload that measures it. To add a chart, add a figure.</summary>
/// <param name="Id">The id of its charts in the page.</param>
/// <param name="Title">The title of its charts.</param>
/// <param name="Meaning">A sentence that explains it.</param>
/// <param name="Better">Whether more or less is better.</param>
/// <param name="Of">Selects the figure; null if the workload does not have it.</param>
/// <param name="Format">Formats it for labels.</param>
/// <param name="IsCapped">True if a saturated generator limits it, so that the server may be better.</param>
/// <param name="HasRatio">True if a second chart shows the ratio to the reference.</param>
internal sealed record ChartedFigure(
    string Id,
    string Title,
    string Meaning,
    Direction Better,
    Func<Workload, Measurement, double?> Of,
    Func<double, string> Format,
    bool IsCapped = false,
    bool HasRatio = true)
{
    public static readonly ChartedFigure Cpu =
        new(
            "cpu",
            "CPU per line",
            "CPU time of the server for each line",
            Direction.Less,
            (workload, measured) => workload.Kind == WorkloadKind.Flood ? null : measured.ServerCpuNanosecondsPerLine,
            Quantity.Nanoseconds);

    public static readonly ChartedFigure[] All =
    [
        new(
            "lines",
            "Throughput",
            "lines per second (churn: connections)",
            Direction.More,
            (workload, measured) => IsCapacity(workload) && measured.Lines > 0 ? measured.LinesPerSecond : null,
            Quantity.LinesASecond,
            IsCapped: true),
        Cpu,
        new(
            "memory",
            "Memory per connection",
            "resident bytes for each idle connection",
            Direction.Less,
            (workload, measured) =>
                workload.Kind == WorkloadKind.Scale && workload.Connections < ScaleFigure.FewestForMemory
                    ? null
                    : measured.BytesPerConnection,
            Quantity.Bytes),
        new(
            "flood",
            "Quiet connections beside a flood",
            "p99 from due with the flood, divided by that without; 1 is fair",
            Direction.Less,
            (_, measured) => measured.FromDue?.P99 / measured.WithoutFlood?.FromDue?.P99,
            Quantity.Ratio,
            HasRatio: false),
        new(
            "slow",
            "Fast connections beside slow readers",
            "p99 from sent with slow readers, divided by that without; 1 is fair",
            Direction.Less,
            (_, measured) => measured.FromSent?.P99 / measured.WithoutSlowReaders?.FromSent?.P99,
            Quantity.Ratio,
            HasRatio: false),
    ];

    // With a schedule, the rate is the schedule's and says nothing about the server.
    private static bool IsCapacity(Workload workload) =>
        workload.Kind is not (WorkloadKind.OpenLoop or WorkloadKind.Flood or WorkloadKind.Idle);
}
