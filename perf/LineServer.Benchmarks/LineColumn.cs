using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Mathematics;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace LineServer.Benchmarks;

/// <summary>What is read off a benchmark over a <see cref="LineBlock"/>.</summary>
internal sealed class LineColumn(string name, string legend, string format, Func<Summary, BenchmarkCase, double> value) : IColumn
{
    public static readonly LineColumn NanosecondsPerLine = new(
        "ns/line", "Time of a block in the best iteration, divided by its lines", "0.00", (summary, at) => Best(summary, at) / Block(at).Lines);

    public static readonly LineColumn MedianNanosecondsPerLine = new(
        "median ns", "The same, of the median iteration: far above the best one if the machine was busy", "0.00", (summary, at) => Statistics(summary, at, s => s.Median) / Block(at).Lines);

    public static readonly LineColumn GigabytesPerSecond = new(
        "GB/s", "10^9 bytes a second, in the best iteration", "0.0", (summary, at) => Block(at).Bytes.Length / Best(summary, at));

    public static readonly LineColumn TimesAsFast = new(
        "x IndexOf", "How many times as fast as one IndexOf a line, on the same lines, best iteration against best", "0.00", (summary, at) => Best(summary, Baseline(summary, at)) / Best(summary, at));

    public string Id => ColumnName;

    public string ColumnName => name;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => legend;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => value(summary, benchmarkCase).ToString(format, CultureInfo.InvariantCulture);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    private static LineBlock Block(BenchmarkCase benchmarkCase) => LineBlock.Of((string)benchmarkCase.Parameters[nameof(FramingBenchmarks.LineSize)]);

    private static double Best(Summary summary, BenchmarkCase? benchmarkCase) => Statistics(summary, benchmarkCase, s => s.Min);

    private static double Statistics(Summary summary, BenchmarkCase? benchmarkCase, Func<Statistics, double> which) =>
        benchmarkCase is not null && summary[benchmarkCase]?.ResultStatistics is { } statistics ? which(statistics) : double.NaN;

    private static BenchmarkCase? Baseline(Summary summary, BenchmarkCase benchmarkCase) => summary.BenchmarksCases.FirstOrDefault(other =>
        other.Descriptor.Baseline && other.Parameters.Equals(benchmarkCase.Parameters));
}
