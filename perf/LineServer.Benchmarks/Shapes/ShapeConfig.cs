using BenchmarkDotNet.Columns;

namespace LineServer.Benchmarks.Shapes;

/// <summary>The best iteration and the median one, and what was allocated.</summary>
internal sealed class ShapeConfig : ShortIterations
{
    public ShapeConfig()
    {
        AddColumn(StatisticColumn.Min, StatisticColumn.Median);
        HideColumns("Error", "StdDev", "RatioSD", "Mean", "Alloc Ratio");
    }
}
