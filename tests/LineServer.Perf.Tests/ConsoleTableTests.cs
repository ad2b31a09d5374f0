using LineServer.Perf.Reporting;

namespace LineServer.Perf.Tests;

public class ConsoleTableTests
{
    private static readonly ReportTable Table = new(
        "work",
        "A workload",
        ["server", "CPU ns a line", "÷ reference", "sign held", "lines/s", "generator's CPU"],
        [
            ["c-epoll", "9,220 [9,100..9,400]", "1", "", "91,400 [90,000..92,000]", "99.0 %"],
            ["sockets", "21,500 [20,100..23,400]", "2.33 [2.2..2.5]", "5/5", "45,400 [44,000..47,000]", "98.0 %"],
            ["redis", "no result: it has no discard mode"],
        ]);

    [Theory]
    [InlineData(80)]
    [InlineData(110)]
    public void A_table_that_is_wider_than_the_terminal_is_stacked_with_its_names_in_each_part(int width)
    {
        string[] lines = Printed(width);

        string[] tableLines = [.. lines.Where(line => line.StartsWith('|'))];
        int parts = tableLines.Count(line => line.StartsWith("| server ", StringComparison.Ordinal));
        Assert.All(tableLines, line => Assert.InRange(line.TrimEnd().Length, 1, width));
        Assert.InRange(parts, 2, 3);
        Assert.Equal(parts, tableLines.Count(line => line.StartsWith("| sockets ", StringComparison.Ordinal)));
        Assert.All(Table.Columns, column => Assert.Contains(tableLines, line => line.Contains($" {column} ", StringComparison.Ordinal)));
        Assert.Equal("redis: no result: it has no discard mode", lines[^1]);
    }

    [Fact]
    public void A_table_that_fits_is_one()
    {
        Assert.Single(Printed(400), line => line.StartsWith("| server ", StringComparison.Ordinal));
    }

    private static string[] Printed(int width)
    {
        using var output = new StringWriter();
        ConsoleTable.Write(output, Table, width);
        return output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
