using Spectre.Console;

namespace LineServer.Perf.Reporting;

/// <summary>
/// Prints a table with aligned columns; the result is also Markdown. A table wider than the terminal is
/// printed in parts, one below the other, each with the first column: wrapped lines would be unreadable.
/// </summary>
internal static class ConsoleTable
{
    /// <summary>The width of output that is not a terminal. No table is wider.</summary>
    private const int Unlimited = 10_000;

    /// <summary>The width of a column beside its text: a line and two spaces.</summary>
    private const int BesideText = 3;

    public static void Write(TextWriter output, ReportTable report) => Write(output, report, WidthOf(output));

    /// <param name="output">Receives the table.</param>
    /// <param name="report">The table.</param>
    /// <param name="width">The width in characters.</param>
    public static void Write(TextWriter output, ReportTable report, int width)
    {
        // A row without figures has a long text, which would widen its column: it goes below the table.
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

    private static int WidthOf(TextWriter output) =>
        ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected ? Console.WindowWidth : Unlimited;

    // Each part has the first column and as many others as fit, at least one.
    private static List<int[]> PartsOf(ReportTable report, IReadOnlyList<string>[] rows, int width)
    {
        int WidthOfColumn(int column) =>
            BesideText + Math.Max(report.Columns[column].Length, rows.Max(row => row[column].Length));
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
        IAnsiConsole console = AnsiConsole.Create(
            new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.No });
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
