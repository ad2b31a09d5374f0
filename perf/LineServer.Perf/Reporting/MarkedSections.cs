using System.Text;

namespace LineServer.Perf.Reporting;

/// <summary>
/// Fills the marked places of a document. The text between <c>&lt;!-- lineperf:begin NAME --&gt;</c> and
/// <c>&lt;!-- lineperf:end --&gt;</c>, each on a line of its own, is replaced by the table of that name. With
/// <c>optional</c> after the name, the table may be missing.
/// </summary>
internal static class MarkedSections
{
    private const string Begin = "<!-- lineperf:begin ";
    private const string End = "<!-- lineperf:end -->";
    private const string Close = " -->";
    private const string Optional = " optional";

    /// <summary>Returns the document with all marked places filled.</summary>
    /// <param name="path">The document's path, for messages.</param>
    /// <param name="text">The document's text.</param>
    /// <param name="tables">The available tables.</param>
    /// <exception cref="RunFailedException">
    /// The document has no marked place, one has no end, or one names an unknown table.
    /// </exception>
    public static string Fill(string path, string text, IReadOnlyList<ReportTable> tables)
    {
        // All lines end as the document's first one does.
        if (text.IndexOf('\n', StringComparison.Ordinal) is > 0 and int first && text[first - 1] == '\r')
        {
            text = text.Replace("\r\n", "\n", StringComparison.Ordinal);
            return Fill(path, text, tables).Replace("\n", "\r\n", StringComparison.Ordinal);
        }

        var filled = new StringBuilder();
        (string Name, int Line)? open = null;
        bool any = false;
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].TrimEnd();
            if (line.StartsWith(Begin, StringComparison.Ordinal) && line.EndsWith(Close, StringComparison.Ordinal))
            {
                if (open is { } before)
                {
                    throw new RunFailedException(
                        $"{path}:{i + 1}: a section begins within '{before.Name}', " +
                        $"which began at line {before.Line}");
                }

                string name = line[Begin.Length..^Close.Length].Trim();
                bool isOptional = name.EndsWith(Optional, StringComparison.Ordinal);
                name = isOptional ? name[..^Optional.Length] : name;
                ReportTable? table = tables.FirstOrDefault(known => known.Name == name);
                string content = table is not null ? Markdown.Of(table)
                    : isOptional ? "Not measured.\n"
                    : throw new RunFailedException(
                        $"{path}:{i + 1}: there is no table '{name}'; there are: " +
                        $"{string.Join(", ", tables.Select(known => known.Name))}");
                _ = filled.Append(lines[i]).Append('\n').Append('\n').Append(content).Append('\n');
                (open, any) = ((name, i + 1), true);
            }
            else if (line == End)
            {
                open = open is null
                    ? throw new RunFailedException($"{path}:{i + 1}: a section ends that did not begin")
                    : null;
            }

            if (open is null)
            {
                _ = filled.Append(lines[i]).Append(i < lines.Length - 1 ? "\n" : "");
            }
        }

        return open is { } left
            ? throw new RunFailedException($"{path}:{left.Line}: '{left.Name}' has no end: {End}")
            : any ? filled.ToString() : throw new RunFailedException($"{path} has no line '{Begin}NAME{Close}'");
    }
}
