using System.Text;

namespace LineServer.Perf.Reporting;

/// <summary>
/// Places in a document that are made by this program: what stands between <c>&lt;!-- lineperf:begin NAME --&gt;</c> and <c>&lt;!-- lineperf:end --&gt;</c>,
/// each on a line of its own, becomes the table of that name. Where <c>optional</c> stands behind the name, there need be no such table.
/// </summary>
internal static class MarkedSections
{
    private const string Begin = "<!-- lineperf:begin ";
    private const string End = "<!-- lineperf:end -->";
    private const string Close = " -->";
    private const string Optional = " optional";

    /// <summary>The document with all such places made anew.</summary>
    /// <param name="path">Of the document, for messages.</param>
    /// <param name="text">The document.</param>
    /// <param name="tables">What there is.</param>
    /// <exception cref="RunFailedException">There is no such place, one has no end, or asks for a table that there is not.</exception>
    public static string Fill(string path, string text, IReadOnlyList<ReportTable> tables)
    {
        // Lines end as the document's first one does.
        if (text.IndexOf('\n', StringComparison.Ordinal) is > 0 and int first && text[first - 1] == '\r')
        {
            return Fill(path, text.Replace("\r\n", "\n", StringComparison.Ordinal), tables).Replace("\n", "\r\n", StringComparison.Ordinal);
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
                    throw new RunFailedException($"{path}:{i + 1}: a section begins within '{before.Name}', which began at line {before.Line}");
                }

                string name = line[Begin.Length..^Close.Length].Trim();
                bool isOptional = name.EndsWith(Optional, StringComparison.Ordinal);
                name = isOptional ? name[..^Optional.Length] : name;
                ReportTable? table = tables.FirstOrDefault(known => known.Name == name);
                string content = table is not null ? Markdown.Of(table) : isOptional ? "Not measured.\n" : throw new RunFailedException($"{path}:{i + 1}: there is no table '{name}'; there are: {string.Join(", ", tables.Select(known => known.Name))}");
                _ = filled.Append(lines[i]).Append('\n').Append('\n').Append(content).Append('\n');
                (open, any) = ((name, i + 1), true);
            }
            else if (line == End)
            {
                open = open is null ? throw new RunFailedException($"{path}:{i + 1}: a section ends that did not begin") : null;
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
