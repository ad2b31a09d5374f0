using LineServer.Perf.Reporting;

namespace LineServer.Perf.Tests.Reporting;

public class MarkedSectionsTests
{
    private static readonly ReportTable[] Tables = [new("one", "", ["a"], [["1"]]), new("two", "", ["b"], [["2"]])];

    [Fact]
    public void What_stands_between_the_marks_becomes_the_table_and_all_else_stays()
    {
        const string Document = "# Title\n\n<!-- lineperf:begin one -->\nold\n\nolder\n<!-- lineperf:end -->\ntext\n<!-- lineperf:begin two -->\n<!-- lineperf:end -->";
        string filled = MarkedSections.Fill("doc.md", Document, Tables);
        Assert.Equal(
            "# Title\n\n<!-- lineperf:begin one -->\n\n| a |\n| --- |\n| 1 |\n\n<!-- lineperf:end -->\ntext\n<!-- lineperf:begin two -->\n\n| b |\n| --- |\n| 2 |\n\n<!-- lineperf:end -->",
            filled);
        Assert.Equal(filled, MarkedSections.Fill("doc.md", filled, Tables));
    }

    [Fact]
    public void A_document_keeps_its_CRLF() => Assert.Equal(
        "# Title\r\n<!-- lineperf:begin one -->\r\n\r\n| a |\r\n| --- |\r\n| 1 |\r\n\r\n<!-- lineperf:end -->\r\n",
        MarkedSections.Fill("doc.md", "# Title\r\n<!-- lineperf:begin one -->\r\nold\r\n<!-- lineperf:end -->\r\n", Tables));

    [Theory]
    [InlineData("one", "| a |\n| --- |\n| 1 |\n")]
    [InlineData("three", "Not measured.\n")]
    public void An_optional_place_needs_no_table(string name, string content) => Assert.Equal(
        $"<!-- lineperf:begin {name} optional -->\n\n{content}\n<!-- lineperf:end -->\n",
        MarkedSections.Fill("doc.md", $"<!-- lineperf:begin {name} optional -->\nold\n<!-- lineperf:end -->\n", Tables));

    [Theory]
    [InlineData("# Title\n", "doc.md has no line '<!-- lineperf:begin NAME -->'")]
    [InlineData("\n<!-- lineperf:begin three -->\n<!-- lineperf:end -->", "doc.md:2: there is no table 'three'; there are: one, two")]
    [InlineData("<!-- lineperf:begin one -->\n", "doc.md:1: 'one' has no end")]
    [InlineData("<!-- lineperf:end -->\n", "doc.md:1: a section ends that did not begin")]
    [InlineData("<!-- lineperf:begin one -->\n<!-- lineperf:begin two -->\n", "doc.md:2: a section begins within 'one', which began at line 1")]
    public void A_mistake_is_told_with_its_line(string document, string problem) =>
        Assert.StartsWith(problem, Assert.Throws<RunFailedException>(() => MarkedSections.Fill("doc.md", document, Tables)).Message);
}
