using LineServer.Perf.Comparing;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>
/// The rounds of a workload as a table: medians with their range, and ratios to the reference within each
/// round.
/// </summary>
internal static class WorkloadTable
{
    private const string Nothing = "–";

    // The columns, by their use in the kinds of work.
    private static readonly (string Header, Func<Row, string> Cell) CpuALine = (
        "CPU ns a line", row => row.Figure(m => m.ServerCpuNanosecondsPerLine, "#,0.#"));
    private static readonly (string Header, Func<Row, string> Cell) CpuRatio = (
        "÷ reference", row => row.Ratio(m => m.ServerCpuNanosecondsPerLine));
    private static readonly (string Header, Func<Row, string> Cell) CpuSign = (
        "sign held", row => row.Sign(m => m.ServerCpuNanosecondsPerLine));
    private static readonly (string Header, Func<Row, string> Cell) Lines = (
        "lines/s", row => row.Figure(m => m.LinesPerSecond, "#,0"));
    private static readonly (string Header, Func<Row, string> Cell) LinesRatio = (
        "÷ reference", row => row.Ratio(m => m.LinesPerSecond));
    private static readonly (string Header, Func<Row, string> Cell) LinesSign = (
        "sign held", row => row.Sign(m => m.LinesPerSecond));
    private static readonly (string Header, Func<Row, string> Cell) SentP50 = (
        "p50 µs", row => row.Median(m => m.FromSent?.P50, "#,0.#"));
    private static readonly (string Header, Func<Row, string> Cell) SentP99 = (
        "p99 µs", row => row.Median(m => m.FromSent?.P99, "#,0.#"));
    private static readonly (string Header, Func<Row, string> Cell) CpuShare = (
        "CPU of the server", row => row.Figure(m => m.ServerCpuShare, "0.0 %"));
    private static readonly (string Header, Func<Row, string> Cell) Generator = (
        "generator's CPU", row => row.Generator());
    private static readonly (string Header, Func<Row, string> Cell) GeneratorALine = (
        "ns a line", row => row.Median(m => m.GeneratorCpuNanosecondsPerLine, "#,0.#"));

    public static ReportTable Of(ComparisonDocument document, Workload workload)
    {
        (string Header, Func<Row, string> Cell)[] columns = ColumnsOf(workload.Kind);
        Ranking ranking = document.RankingOf(workload.Name);
        return new(
            workload.Name,
            $"{workload.Name}: {workload.Summary}; {document.Rounds} rounds of {document.Seconds:0.##} s; " +
            $"reference {document.Reference}",
            ["server", .. columns.Select(column => column.Header)],
            [
                .. document.Servers.Select(server =>
                    RowOf(document.ReasonFor(workload.Name, server.Name), new Row(ranking, server.Name), columns)),
            ]);
    }

    private static string[] RowOf(string? reason, Row row, (string Header, Func<Row, string> Cell)[] columns) =>
        reason is null
            ? [row.Server, .. columns.Select(column => column.Cell(row))]
            : [row.Server, $"no result: {reason}"];

    private static (string Header, Func<Row, string> Cell)[] ColumnsOf(WorkloadKind kind) => kind switch
    {
        WorkloadKind.ClosedLoop =>
            [CpuALine, CpuRatio, CpuSign, Lines, LinesRatio, LinesSign, SentP50, SentP99, Generator, GeneratorALine],
        WorkloadKind.OpenLoop =>
        [
            CpuALine,
            CpuRatio,
            CpuSign,
            CpuShare,
            Lines,
            ("p50 µs, sent", SentP50.Cell),
            ("p99 µs, sent", SentP99.Cell),
            ("p50 µs, due", row => row.Median(m => m.FromDue?.P50, "#,0.#")),
            ("p99 µs, due", row => row.Median(m => m.FromDue?.P99, "#,0.#")),
            ("late lines", row => row.Median(m => m.LateLines, "#,0")),
            ("lines/s at capacity", row => row.Capacity()),
            Generator,
        ],
        WorkloadKind.Ingest => [CpuALine, CpuRatio, CpuSign, Lines, LinesRatio, LinesSign, Generator, GeneratorALine],
        WorkloadKind.Idle =>
        [
            ("bytes a connection", row => row.Figure(m => m.BytesPerConnection, "#,0")),
            ("÷ reference", row => row.Ratio(m => m.BytesPerConnection)),
            ("sign held", row => row.Sign(m => m.BytesPerConnection)),
            ("bytes a connection more", row => row.Figure(m => m.BytesPerConnectionSlope, "#,0")),
            ("resident MB", row => row.Median(m => m.ServerResidentBytes / 1e6, "#,0.0")),
            CpuShare,
            (
                "p99 µs of the active, due, with the fewest",
                row => row.Median(m => m.IdleSteps?[0].FromDue?.P99, "#,0.#")),
            ("with the most", row => row.Median(m => m.FromDue?.P99, "#,0.#")),
        ],
        WorkloadKind.Scale =>
        [
            CpuALine, CpuRatio, CpuSign, Lines, LinesRatio, LinesSign,
            ("switches a line", row => row.Figure(m => m.ServerSwitchesPerLine, "0.00")),
            ("bytes a connection", row => row.Figure(m => m.BytesPerConnection, "#,0")),
            ("opened in ms", row => row.Figure(m => m.OpeningSeconds * 1e3, "#,0.0")),
            SentP50, SentP99, Generator,
        ],
        WorkloadKind.Churn =>
        [
            ("CPU ns a connection", CpuALine.Cell),
            CpuRatio,
            CpuSign,
            ("connections/s", Lines.Cell),
            LinesRatio,
            LinesSign,
            SentP50,
            SentP99,
            Generator,
        ],
        WorkloadKind.SlowReaders =>
        [
            ("p99 µs without", row => row.Figure(m => m.WithoutSlowReaders?.FromSent?.P99, "#,0.#")),
            ("p99 µs with", row => row.Figure(m => m.FromSent?.P99, "#,0.#")),
            ("with ÷ without", row => row.Figure(m => m.FromSent?.P99 / m.WithoutSlowReaders?.FromSent?.P99, "0.00")),
            (
                "lines/s, with ÷ without",
                row => row.Figure(m => m.LinesPerSecond / m.WithoutSlowReaders?.LinesPerSecond, "0.00")),
            ("unread MB taken", row => row.Median(m => m.UnreadBytes / 1e6, "#,0.0")),
            ("resident MB without", row => row.Median(m => m.WithoutSlowReaders?.ServerResidentBytes / 1e6, "#,0.0")),
            ("with", row => row.Median(m => m.ServerResidentBytes / 1e6, "#,0.0")),
        ],
        _ =>
        [
            ("p99 µs without, due", row => row.Figure(m => m.WithoutFlood?.FromDue?.P99, "#,0.#")),
            ("p99 µs with, due", row => row.Figure(m => m.FromDue?.P99, "#,0.#")),
            ("with ÷ without", row => row.Figure(m => m.FromDue?.P99 / m.WithoutFlood?.FromDue?.P99, "0.00")),
            ("p50 µs with, due", row => row.Median(m => m.FromDue?.P50, "#,0.#")),
            ("flood lines/s", row => row.Median(m => m.FloodLinesPerSecond, "#,0")),
        ],
    };

    private sealed record Row(Ranking Ranking, string Server)
    {
        public string Figure(Func<Measurement, double?> figure, string format) =>
            Ranking.Of(Server, figure)?.Format(format) ?? Nothing;

        public string Median(Func<Measurement, double?> figure, string format) =>
            Ranking.Of(Server, figure)?.Median.ToString(format) ?? Nothing;

        public string Ratio(Func<Measurement, double?> figure) =>
            Ranking.RatioOf(Server, figure)?.Format("0.00") ?? Nothing;

        public string Sign(Func<Measurement, double?> figure) => Ranking.SignHeldFor(Server, figure) ?? Nothing;

        public string Capacity() =>
            $"{(Ranking.Count(Server, measured => measured.CapacityGeneratorSaturated) > 0 ? "≥ " : "")}{Median(measured => measured.CapacityLinesPerSecond, "#,0")}";

        public string Generator()
        {
            int saturated = Ranking.Count(Server, measured => measured.GeneratorSaturated);
            string mark = saturated > 0 ? $" saturated {saturated}/{Ranking.Of(Server).Count()}" : "";
            return $"{Median(measured => measured.GeneratorCpuShare, "0 %")}{mark}";
        }
    }
}
