using System.Globalization;
using System.Runtime.Versioning;

namespace LineServer.Benchmarks.Stores;

/// <summary>What the store does in this process. Each command prints one line of figures, for a script.</summary>
[SupportedOSPlatform("linux")]
internal static class StoreCommand
{
    private const string Usage = """
        store lock-step DIRECTORY SECONDS [DELAY_MS]   one producer waits for each commit: commits/s, p50, p99, p99.9 in µs, allocated bytes a commit
        store checkpoints DIRECTORY SECONDS            64 KiB a commit over 50 streams, while checkpoints run: the same figures
        store start DIRECTORY STREAMS SEGMENTS         STREAMS streams of SEGMENTS segments each, a full log, no clean stop: seconds to open, lines recovered
        """;

    /// <returns>The exit status.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        switch (args)
        {
            case ["lock-step", var directory, var seconds]:
                Print(await CommitRun.MeasureAsync(directory, Seconds(seconds), TimeSpan.Zero, linesPerCommit: 1, streams: 1));
                return 0;
            case ["lock-step", var directory, var seconds, var delay]:
                Print(await CommitRun.MeasureAsync(directory, Seconds(seconds), Seconds(delay) / 1000, linesPerCommit: 1, streams: 1));
                return 0;
            case ["checkpoints", var directory, var seconds]:
                Print(await CommitRun.MeasureAsync(directory, Seconds(seconds), TimeSpan.Zero, linesPerCommit: 640, streams: 50));
                return 0;
            case ["start", var directory, var streams, var segments]:
                (TimeSpan took, long lines, long kept) = await StartRun.MeasureAsync(directory, Whole(streams), Whole(segments));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{took.TotalSeconds:0.000} {lines} {kept}"));
                return 0;
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }
    }

    private static void Print(CommitRun.Figures figures) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{figures.CommitsPerSecond:0.0} {figures.P50:0.0} {figures.P99:0.0} {figures.P999:0.0} {figures.AllocatedPerCommit:0.0}"));

    private static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture));

    private static int Whole(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
