using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;

namespace LineServer.Benchmarks;

/// <summary>For benchmarks over a <see cref="LineBlock"/>, whose figures are for a line of it.</summary>
internal sealed class LineConfig : ShortIterations
{
    public LineConfig()
    {
        AddColumn(LineColumn.NanosecondsPerLine, LineColumn.MedianNanosecondsPerLine, LineColumn.GigabytesPerSecond, LineColumn.TimesAsFast);
        HideColumns("Error", "StdDev", "RatioSD", "Alloc Ratio", "Ratio", "Mean", "Median");
    }
}
