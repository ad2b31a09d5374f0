using Spectre.Console;

namespace LineServer.Perf.Reporting;

/// <summary>
/// A table with its columns in line, for a terminal; it is Markdown too. One that is wider than the terminal is printed in parts, one
/// below the other, each with the names in its first column: a table that wraps cannot be read.
/// </summary>
internal static class ConsoleTable
{
    /// <summary>Of an output that is no terminal: no table is that wide.</summary>
    private const int Unlimited = 10_000;

    /// <summary>What a column has beside its text: a line and two spaces.</summary>
    private const int BesideText = 3;

    public static void Write(TextWriter output, ReportTable report) => Write(output, report, WidthOf(output));

    /// <param name="output">Where it goes.</param>
    /// <param name="report">What is printed.</param>
    /// <param name="width">In columns of characters.</param>
    public static void Write(TextWriter output, ReportTable report, int width)
    {
        // A row without figures would make its column as wide as its text: it goes below.
        IReadOnlyList<string>[] rows = [.. report.Rows.Where(row => row.Count >= report.Columns.Count)];
        output.WriteLine(report.Title);
        if (rows.Length > 0)
        {
            foreach (int[] columns in PartsOf(report, rows, width))
            {
                Write(output, report, rows, columns);
            }
        }

        foreach (IReadOnlyList<string> row in report.Rows.Where(row => row.Count < report.Columns.Count))
        {
            output.WriteLine(string.Join(": ", row));
        }
    }

    private static int WidthOf(TextWriter output) => ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected ? Console.WindowWidth : Unlimited;

    // As many columns beside the first as fit, and at least one.
    private static List<int[]> PartsOf(ReportTable report, IReadOnlyList<string>[] rows, int width)
    {
        int WidthOfColumn(int column) => BesideText + Math.Max(report.Columns[column].Length, rows.Max(row => row[column].Length));
        List<int[]> parts = [];
        int names = WidthOfColumn(0) + 1; // and the line at the right
        for (int first = 1; first < report.Columns.Count;)
        {
            int end = first + 1;
            int used = names + WidthOfColumn(first);
            for (; end < report.Columns.Count && used + WidthOfColumn(end) <= width; end++)
            {
                used += WidthOfColumn(end);
            }

            parts.Add([0, .. Enumerable.Range(first, end - first)]);
            first = end;
        }

        return parts;
    }

    private static void Write(TextWriter output, ReportTable report, IReadOnlyList<string>[] rows, int[] columns)
    {
        // Redirected output gets no colours.
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.No });
        console.Profile.Width = Unlimited;
        var table = new Table().Border(TableBorder.Markdown);
        foreach (int i in columns)
        {
            var column = new TableColumn(Markup.Escape(report.Columns[i])).NoWrap();
            _ = table.AddColumn(i < report.TextColumns ? column : column.RightAligned());
        }

        foreach (IReadOnlyList<string> row in rows)
        {
            _ = table.AddRow([.. columns.Select(i => Markup.Escape(row[i]))]);
        }

        console.Write(table);
    }
}
