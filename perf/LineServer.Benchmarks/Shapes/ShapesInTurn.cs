using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Benchmarks.Shapes;

/// <summary>
/// Three small protocols, each in every shape of handler that was tried: nanoseconds and bytes a line, the whole connection loop included.
/// A read brings 64 KiB of lines of 32 bytes; in turn, so that a busy machine treats them alike.
/// </summary>
internal static class ShapesInTurn
{
    private const int Reads = 64;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Measuring = TimeSpan.FromSeconds(6);

    public static void Run()
    {
        Console.WriteLine("| protocol | shape | ns/line, best | ns/line, median | bytes/line |");
        Console.WriteLine("| --- | --- | ---: | ---: | ---: |");
        LineBlock block = LineBlock.Of("32");
        foreach ((string protocol, (string Shape, ConnectionDelegate Serve)[] shapes) in HandlerShapes.Protocols)
        {
            _ = Rounds(shapes, block, WarmUp);
            List<double[]> rounds = Rounds(shapes, block, Measuring);
            for (int i = 0; i < shapes.Length; i++)
            {
                double lines = (double)Reads * block.Lines;
                double[] times = [.. rounds.Select(round => round[i] / lines).Order()];
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {protocol} | {shapes[i].Shape} | {times[0]:0.0} | {times[times.Length / 2]:0.0} | {Allocated(shapes[i].Serve, block) / lines:0.00} |"));
            }
        }
    }

    private static List<double[]> Rounds((string Shape, ConnectionDelegate Serve)[] shapes, LineBlock block, TimeSpan time)
    {
        List<double[]> rounds = [];
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            rounds.Add([.. shapes.Select(shape => Serve(shape.Serve, block))]);
        }

        return rounds;
    }

    /// <returns>Nanoseconds.</returns>
    private static double Serve(ConnectionDelegate serve, LineBlock block)
    {
        MemoryConnection connection = MemoryConnection.Of(block, Reads);
        long before = Stopwatch.GetTimestamp();
        Task served = serve(connection);
        double elapsed = Stopwatch.GetElapsedTime(before).TotalNanoseconds;
        return served.IsCompletedSuccessfully ? elapsed : throw new InvalidOperationException("The connection waited, or failed.", served.Exception);
    }

    private static double Allocated(ConnectionDelegate serve, LineBlock block)
    {
        MemoryConnection connection = MemoryConnection.Of(block, Reads);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _ = serve(connection);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
