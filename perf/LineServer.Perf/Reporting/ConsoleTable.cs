using Spectre.Console;

namespace LineServer.Perf.Reporting;

/// <summary>A table with its columns in line, for a terminal; it is Markdown too.</summary>
internal static class ConsoleTable
{
    // A table that wraps at 80 characters cannot be read.
    private const int Width = 400;

    public static void Write(TextWriter output, ReportTable report)
    {
        // Redirected output gets no colours.
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.No });
        console.Profile.Width = Width;
        var table = new Table().Border(TableBorder.Markdown);
        for (int i = 0; i < report.Columns.Count; i++)
        {
            var column = new TableColumn(Markup.Escape(report.Columns[i])).NoWrap();
            _ = table.AddColumn(i < report.TextColumns ? column : column.RightAligned());
        }

        List<string> reasons = [];
        foreach (IReadOnlyList<string> row in report.Rows)
        {
            // What is no figure would make its column as wide as it is: it goes below.
            if (row.Count < report.Columns.Count)
            {
                reasons.Add(string.Join(": ", row));
            }
            else
            {
                _ = table.AddRow([.. row.Select(Markup.Escape)]);
            }
        }

        output.WriteLine(report.Title);
        if (table.Rows.Count > 0)
        {
            console.Write(table);
        }

        reasons.ForEach(output.WriteLine);
    }
}
