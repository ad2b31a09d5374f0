using System.Text;

namespace LineServer.Perf.Reporting;

/// <summary>Formats tables as Markdown.</summary>
internal static class Markdown
{
    public static string Of(ReportTable table)
    {
        var text = new StringBuilder();
        _ = Row(text, table.Columns, table.Columns.Count);
        _ = Row(text, [.. table.Columns.Select((_, i) => i < table.TextColumns ? "---" : "--:")], table.Columns.Count);
        foreach (IReadOnlyList<string> row in table.Rows)
        {
            _ = Row(text, row, table.Columns.Count);
        }

        return text.ToString();
    }

    private static StringBuilder Row(StringBuilder text, IReadOnlyList<string> cells, int columns)
    {
        foreach (string cell in cells)
        {
            _ = text.Append("| ").Append(Escape(cell)).Append(' ');
        }

        return text.Insert(text.Length, "| ", columns - cells.Count).Append("|\n");
    }

    private static string Escape(string cell) =>
        cell.ReplaceLineEndings(" ")
            .Replace("|", "\\|", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal);
}
