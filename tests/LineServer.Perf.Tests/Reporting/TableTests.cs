using LineServer.Perf.Comparing;
using LineServer.Perf.Reporting;

namespace LineServer.Perf.Tests.Reporting;

public class TableTests
{
    [Fact]
    public void A_row_has_medians_ratios_and_how_often_the_sign_held()
    {
        ReportTable table = Table("request-reply");
        IReadOnlyList<string> sockets = table.Rows.Single(row => row[0] == "sockets");
        Assert.Equal(table.Columns.Count, sockets.Count);
        Assert.Equal(("÷ reference", "sign held"), (table.Columns[2], table.Columns[3]));
        Assert.Equal(("2.20 [2.10..2.30]", "3/3"), (sockets[2], sockets[3]));
        Assert.Equal("2/3", table.Rows.Single(row => row[0].StartsWith("with", StringComparison.Ordinal))[3]);
        Assert.Equal(("1.00", "–"), (table.Rows[0][2], table.Rows[0][3]));
    }

    [Fact]
    public void A_server_without_a_result_is_in_every_table_with_its_reason()
    {
        Assert.All(Sample.Document.Workloads, workload =>
            Assert.Equal(["dead", "no result: 'dead' ended with status 3 before it listened"], Table(workload.Name).Rows.Single(row => row[0] == "dead")));
        Assert.Equal(
            ["dead", string.Join(", ", Sample.Document.Workloads.Select(workload => workload.Name)), "'dead' ended with status 3 before it listened"],
            Assert.Single(Table("absences").Rows));
    }

    [Fact]
    public void Rounds_of_a_server_that_failed_later_are_not_summed_up()
    {
        ComparisonDocument document = Sample.Document with { Absences = [new Absence("request-reply", "sockets", "a byte is wrong", Failed: true)] };
        Assert.Equal(["sockets", "no result: a byte is wrong"], WorkloadTable.Of(document, document.Workloads[0]).Rows.Single(row => row[0] == "sockets"));
        Assert.Null(document.RankingOf("request-reply").Of("sockets", measured => measured.LinesPerSecond));
        Assert.NotNull(document.RankingOf("pipelined").Of("sockets", measured => measured.LinesPerSecond));
    }

    [Fact]
    public void A_saturated_generator_is_told()
    {
        Assert.Equal("99 % saturated 3/3", Table("pipelined").Rows.Single(row => row[0] == "c-epoll")[^2]);
        Assert.Equal("9.00 µs (≥ 100 k/s)", Table("overview").Rows.Single(row => row[0] == "c-epoll")[2]);
    }

    [Fact]
    public void The_overview_has_the_figures_of_the_reference_and_the_ratios_of_the_others()
    {
        ReportTable table = Table("overview");
        Assert.Equal(["server", "request-reply", "pipelined", "idle"], table.Columns);
        Assert.Equal(["c-epoll", "9.00 µs (100 k/s)", "9.00 µs (≥ 100 k/s)", "500 B"], table.Rows[0]);
        Assert.Equal(["sockets", "2.20 (0.45)", "2.20 (0.45)", "1,100 B"], table.Rows[1]);
        Assert.Equal(["dead", "no result", "no result", "no result"], table.Rows[3]);
    }

    [Fact]
    public void In_Markdown_nothing_ends_a_cell_or_begins_a_tag()
    {
        string text = Markdown.Of(new("t", "", ["a", "b"], [["x|y", "<b>"], ["short"]]));
        Assert.Equal("| a | b |\n| --- | --: |\n| x\\|y | &lt;b> |\n| short | |\n", text);
    }

    [Theory]
    [InlineData(0, "0 ns")]
    [InlineData(97.34, "97.3 ns")]
    [InlineData(999.7, "1.00 µs")]
    [InlineData(6_060, "6.06 µs")]
    [InlineData(12_000_000_000, "12.0 s")]
    public void A_label_has_three_digits(double nanoseconds, string expected) => Assert.Equal(expected, Quantity.Nanoseconds(nanoseconds));

    private static ReportTable Table(string name) => ReportTables.Of(Sample.Document).Single(table => table.Name == name);
}
