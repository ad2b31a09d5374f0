using LineServer.Perf.Comparing;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests.Reporting;

/// <summary>
/// A comparison with invented figures: three servers, one that could not be started, and every kind of chart.
/// </summary>
internal static class Sample
{
    public const int Rounds = 3;

    private static readonly string[] Names = ["c-epoll", "sockets", "with <&\" in it", "dead"];

    public static ComparisonDocument Document { get; } = Make();

    /// <summary>The servers that have figures.</summary>
    public static IEnumerable<string> Measured => Names[..3];

    /// <summary>A distribution around this many microseconds, with a long tail.</summary>
    public static Latencies Around(double microseconds, int seed = 1)
    {
        var random = new Random(seed);
        var histogram = new LatencyHistogram();
        for (int i = 0; i < 2_000; i++)
        {
            histogram.Record((long)(microseconds * 1e3 * (0.8 + (0.2 / (1 - random.NextDouble())))));
        }

        return Latencies.Of(histogram);
    }

    private static ComparisonDocument Make()
    {
        Workload[] workloads =
        [
            new("request-reply", WorkloadKind.ClosedLoop, Connections: 50, Window: 1, LineSize: 32),
            new("pipelined", WorkloadKind.ClosedLoop, Connections: 50, Window: 64, LineSize: 32),
            new("steady", WorkloadKind.OpenLoop, Connections: 200, Window: 1, LineSize: 32, Rate: 20_000),
            new("idle", WorkloadKind.Idle, Connections: 10_000, Window: 1, LineSize: 32) { Steps = [1_000, 10_000] },
            new("flood", WorkloadKind.Flood, Connections: 100, Window: 1, LineSize: 32, Rate: 2_000),
        ];
        return new()
        {
            Format = ComparisonDocument.CurrentFormat,
            Command = "lineperf compare --servers c-epoll,sockets",
            Started = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
            DurationSeconds = 61.5,
            Machine = new("A processor", 2, Governor: null, 8_000_000_000, "6.1.0", "Debian", ".NET 10"),
            ServerCores = "0",
            GeneratorCores = "1",
            Rounds = Rounds,
            Seconds = 1,
            WarmUpSeconds = 1,
            LaterWarmUpSeconds = 0.5,
            Reference = "c-epoll",
            Servers = [.. Names.Select(name => new ComparedServer(name, $"{name} --port {{port}}", name == "sockets" ? "1.0" : null))],
            Workloads = workloads,
            Absences = [.. workloads.Select(workload => new Absence(workload.Name, "dead", "'dead' ended with status 3 before it listened", Failed: false))],
            Measurements =
            [
                .. from workload in workloads
                   from server in Names[..3]
                   from number in Enumerable.Range(1, Rounds)
                   select new Round(workload.Name, server, number, Measure(workload, Array.IndexOf(Names, server), number)),
            ],
        };
    }

    // In every round, the second server costs twice as much as the first. The third is on both sides of the first, and
    // far away when lines are pipelined.
    private static Measurement Measure(Workload workload, int server, int number)
    {
        double cost = server switch { 0 => 1, 1 => 2 + (0.1 * number), _ => workload.Name == "pipelined" ? 60 : number == 1 ? 0.9 : 1.1 };
        var measured = new Measurement { Seconds = 1, GeneratorCpuSeconds = server == 0 && workload.Name == "pipelined" ? 0.99 : 0.5, ServerResidentBytes = 10_000_000 };
        return workload.Kind switch
        {
            WorkloadKind.Idle => measured with
            {
                ServerResidentBytes = 10_000_000 + (long)(cost * 5_000_000),
                BytesPerConnection = cost * 500,
                IdleSteps = [new(1_000, 10_000_000 + (long)(cost * 500_000), FromDue: null), new(10_000, 10_000_000 + (long)(cost * 5_000_000), FromDue: null)],
            },
            _ => measured with
            {
                Lines = (long)(100_000 / cost),
                ServerCpuSeconds = 0.9,
                FromSent = Around(100 * cost, (server * 10) + number),
                FromDue = workload.Kind == WorkloadKind.ClosedLoop ? null : Around(120 * cost, (server * 10) + number),
                WithoutFlood = workload.Kind == WorkloadKind.Flood ? measured with { FromDue = Around(90 * cost) } : null,
            },
        };
    }
}
