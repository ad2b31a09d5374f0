using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics;

namespace LineServer.Benchmarks;

/// <summary>
/// The ways of <see cref="FramingBenchmarks"/>, a few calls of each in turn, thousands of times. On a machine that others use too, only what ran
/// side by side can be compared: BenchmarkDotNet measures one after another, seconds apart.
/// </summary>
internal static class InTurn
{
    private const int Calls = 128;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Measuring = TimeSpan.FromSeconds(5);

    public static void Run()
    {
        Console.WriteLine($"Vectors of {(Vector512.IsHardwareAccelerated ? 64 : Vector256.IsHardwareAccelerated ? 32 : 16)} bytes, .NET {Environment.Version}.");
        Console.WriteLine();
        Console.WriteLine("| line, bytes | way | ns/line, best | GB/s, best | times as fast as IndexOf, best | the same, median of rounds |");
        Console.WriteLine("| --- | --- | ---: | ---: | ---: | ---: |");
        foreach (string lineSize in FramingBenchmarks.LineSizes)
        {
            FramingBenchmarks benchmarks = new() { LineSize = lineSize };
            benchmarks.MakeBlock();
            (string Name, Func<long> Run)[] ways =
            [
                ("one IndexOf a line", benchmarks.IndexOf),
                ("SequenceReader.TryReadTo", benchmarks.SequenceReader),
                ("PositionOf + Slice", benchmarks.PositionOf),
                ("LineReader, foreach", benchmarks.Foreach),
                ("LineReader, visitor", benchmarks.Visitor),
                ("LineReader, TryRead", benchmarks.TryRead),
            ];
            _ = Rounds(ways, WarmUp);
            Print(lineSize.Trim(), [.. ways.Select(way => way.Name)], Rounds(ways, Measuring));
        }
    }

    /// <summary>Of each round, what a call of each way took, in nanoseconds.</summary>
    private static List<double[]> Rounds((string Name, Func<long> Run)[] ways, TimeSpan time)
    {
        List<double[]> rounds = [];
        long start = Stopwatch.GetTimestamp();
        long sum = ways[0].Run();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            double[] round = new double[ways.Length];
            for (int i = 0; i < ways.Length; i++)
            {
                long found = 0;
                long before = Stopwatch.GetTimestamp();
                for (int call = 0; call < Calls; call++)
                {
                    found += ways[i].Run();
                }

                round[i] = (Stopwatch.GetTimestamp() - before) * (1e9 / Stopwatch.Frequency / Calls);
                if (found != Calls * sum)
                {
                    throw new InvalidOperationException($"{ways[i].Name} found lines of {found} bytes in {Calls} calls, not {sum} in each");
                }
            }

            rounds.Add(round);
        }

        return rounds;
    }

    private static void Print(string lineSize, string[] ways, List<double[]> rounds)
    {
        LineBlock block = LineBlock.Of(lineSize);
        double baseline = rounds.Min(round => round[0]);
        for (int i = 0; i < ways.Length; i++)
        {
            double best = rounds.Min(round => round[i]);
            double[] ratios = [.. rounds.Select(round => round[0] / round[i]).Order()];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {lineSize} | {ways[i]} | {best / block.Lines:0.00} | {block.Bytes.Length / best:0.0} | {baseline / best:0.00} | {ratios[ratios.Length / 2]:0.00} |"));
        }
    }
}
