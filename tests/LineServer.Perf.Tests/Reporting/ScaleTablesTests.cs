using LineServer.Perf.Comparing;
using LineServer.Perf.Linux;
using LineServer.Perf.Reporting;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests.Reporting;

public class ScaleTablesTests
{
    private static readonly int[] Numbers = [10_000, 10, 1_000];

    /// <summary>
    /// Invented figures: threads keep up with ten connections, hardly with a thousand, and not with ten thousand; "dead"
    /// never started.
    /// </summary>
    internal static ComparisonDocument Document { get; } = new()
    {
        Format = ComparisonDocument.CurrentFormat,
        Command = "lineperf compare",
        Started = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        DurationSeconds = 1,
        Machine = new("A processor", 2, Governor: null, 8_000_000_000, "6.1.0", "Debian", ".NET 10"),
        ServerCores = "0",
        GeneratorCores = "1",
        Rounds = 2,
        Seconds = 1,
        WarmUpSeconds = 1,
        LaterWarmUpSeconds = 1,
        Reference = "events",
        Servers = [new("events", "", null), new("threads", "", null), new("dead", "", null)],
        Workloads = [.. Numbers.Select(Scale)],
        Absences = [.. Numbers.Select(number => new Absence(Scale(number).Name, "dead", "it did not start", Failed: false))],
        Measurements =
        [
            .. from number in Numbers
               from round in Enumerable.Range(1, 2)
               from server in new[] { "events", "threads" }
               select new Round(Scale(number).Name, server, round, Measure(server == "events" ? 100_000 : Threads(number, round), number)),
        ],
    };

    [Fact]
    public void A_table_has_a_row_a_server_and_a_column_a_number_of_connections()
    {
        ReportTable table = Table("scale-lines");
        Assert.Equal(["server", "10", "1,000", "10,000"], table.Columns);
        Assert.Equal(["events", "100 k/s [100 k/s..100 k/s]", "100 k/s [100 k/s..100 k/s]", "100 k/s [100 k/s..100 k/s]"], table.Rows[0]);
        Assert.Equal("95.0 k/s [90.0 k/s..100 k/s]", table.Rows[1][2]);
        Assert.Equal(["dead", "no result", "no result", "no result"], table.Rows[2]);
    }

    [Fact]
    public void What_is_of_all_connections_is_told_for_each()
    {
        Assert.Equal("100 µs [100 µs..100 µs]", Table("scale-opening").Rows[0][3]);
        Assert.Equal("50.0 µs [50.0 µs..50.0 µs]", Table("scale-opening-cpu").Rows[0][3]);
        Assert.Equal("0.50 [0.50..0.50]", Table("scale-switches").Rows[0][1]);
    }

    [Fact]
    public void Memory_is_told_from_a_thousand_connections_on() =>
        Assert.Equal(["events", "–", "20.0 kB [20.0 kB..20.0 kB]", "20.0 kB [20.0 kB..20.0 kB]"], Table("scale-memory").Rows[0]);

    [Fact]
    public void A_server_falls_behind_where_it_is_slower_in_each_round_from_then_on()
    {
        ReportTable table = Table("scale-behind");
        Assert.Equal(["", "events", "threads", "dead"], table.Columns);
        Assert.Equal(["events", "–", "not (1.33)", "–"], table.Rows[0]);
        Assert.Equal(["threads", "from 10,000 (0.75)", "–", "–"], table.Rows[1]);
        Assert.Equal(["dead", "–", "–", "–"], table.Rows[2]);
    }

    [Fact]
    public void One_that_catches_up_is_not_behind()
    {
        ComparisonDocument document = With((server, number) => server == "threads" && number == 10_000 ? 200_000 : server == "threads" ? 50_000 : 100_000);
        Assert.Null(ScaleTables.BehindFrom(document, document.Workloads, "threads", "events").From);
    }

    [Fact]
    public void One_that_is_always_slower_is_behind_from_the_first_number_on() =>
        Assert.Equal(10, ScaleTables.BehindFrom(With((server, _) => server == "threads" ? 50_000 : 100_000), Document.Workloads, "threads", "events").From);

    [Fact]
    public void With_a_saturated_generator_nobody_knows_who_is_behind()
    {
        ComparisonDocument document = With((server, _) => server == "threads" ? 50_000 : 100_000, generator: 1);
        Assert.Null(ScaleTables.BehindFrom(document, document.Workloads, "threads", "events").From);
        Assert.StartsWith("≥ ", ScaleTables.Of(document)[0].Rows[0][1], StringComparison.Ordinal);
    }

    internal static ComparisonDocument With(Func<string, int, long> lines, double generator = 0.5) => Document with
    {
        Measurements = [.. Document.Measurements.Select(round => round with { Measured = Measure(lines(round.Server, NumberOf(round)), NumberOf(round)) with { GeneratorCpuSeconds = generator } })],
    };

    private static ReportTable Table(string name) => ReportTables.Of(Document).Single(table => table.Name == name);

    private static int NumberOf(Round round) => Document.Workloads.Single(workload => workload.Name == round.Workload).Connections;

    private static Workload Scale(int connections) => new($"scale-{connections}", WorkloadKind.Scale, connections, Window: 1, LineSize: 32);

    private static long Threads(int connections, int round) => connections == 10_000 ? 75_000 : connections == 1_000 && round == 1 ? 90_000 : 100_000;

    private static Measurement Measure(long lines, int connections) => new()
    {
        Seconds = 1,
        Lines = lines,
        GeneratorCpuSeconds = 0.5,
        ServerCpuSeconds = 1,
        ServerVoluntarySwitches = lines / 4,
        ServerInvoluntarySwitches = lines / 4,
        BytesPerConnection = 20_000,
        OpeningSeconds = connections * 100e-6,
        ServerOpeningCpuSeconds = connections * 50e-6,
    };
}
