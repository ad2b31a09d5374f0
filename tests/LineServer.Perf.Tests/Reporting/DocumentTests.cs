using LineServer.Perf.Servers;

namespace LineServer.Perf.Tests.Reporting;

/// <summary>
/// The documents have the tables of a measurement. The measurement itself has 5 MB and is not in the tree, so the tables
/// cannot be made again here. These tests check that the documents agree with each other, and that no measurement gets
/// into the tree again.
/// </summary>
public class DocumentTests
{
    private static readonly string Docs = Path.Combine(Checkout.Root, "docs");

    [Fact]
    public void The_overview_of_the_README_is_that_of_the_performance_document() =>
        Assert.Equal(TableOf("performance.md", "overview"), Table(File.ReadAllLines(Path.Combine(Checkout.Root, "README.md")), "overview"));

    [Fact]
    public void The_overview_has_the_ratios_of_each_workloads_own_table()
    {
        string[][] overview = TableOf("performance.md", "overview");
        foreach ((string workload, int column) in overview[0].Select((name, i) => (name, i)).Where(head => head.name is not ("server" or "idle")))
        {
            string[][] own = TableOf("performance.md", $"{workload} optional");
            Assert.All(overview.Skip(3), row =>
            {
                string[] figures = own.Single(other => other[0] == row[0]);
                if (row[column] == "no result")
                {
                    Assert.StartsWith("no result", figures[1]);
                    return;
                }

                // "1.25 (≥ 0.78)": CPU time, and lines per second. A table has two decimals, the overview three digits.
                string[] ratios = row[column].Replace("≥ ", "", StringComparison.Ordinal).Trim(')').Split(" (");
                Assert.Equal(Number(figures[2]), Number(ratios[0]), 0.051);
                Assert.Equal(Number(figures[5]), Number(ratios[1]), 0.0051);
            });
        }
    }

    [Theory]
    [InlineData("performance.md")]
    [InlineData("threads-or-events.md")]
    public void A_document_names_the_commit_that_it_measured(string document)
    {
        string commit = TableOf(document, "servers").Single(row => row[0] == "epoll")[1].Split('+')[1];
        Assert.Contains($"Commit `{commit[..7]}`", File.ReadAllText(Path.Combine(Docs, document)));
    }

    [Fact]
    public void No_whole_measurement_is_among_the_documents() =>
        Assert.All(Directory.GetFiles(Docs, "*", SearchOption.AllDirectories), path => Assert.InRange(new FileInfo(path).Length, 0, 100_000));

    private static double Number(string cell) => double.Parse(cell.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);

    private static string[][] TableOf(string document, string name) => Table(File.ReadAllLines(Path.Combine(Docs, document)), name);

    private static string[][] Table(string[] lines, string name) =>
    [
        .. lines.SkipWhile(line => line != $"<!-- lineperf:begin {name} -->").TakeWhile(line => line != "<!-- lineperf:end -->").Where(line => line.StartsWith('|'))
            .Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim()).ToArray()),
    ];
}
