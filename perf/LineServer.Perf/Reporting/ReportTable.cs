namespace LineServer.Perf.Reporting;

/// <summary>The content of a table, without a format.</summary>
/// <param name="Name">The name by which documents refer to it.</param>
/// <param name="Title">The text above it.</param>
/// <param name="Columns">The heads of the columns. The cells of the first column are names.</param>
/// <param name="Rows">The cells. A shorter row ends with a text instead of figures.</param>
internal sealed record ReportTable(
    string Name, string Title, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>How many columns, from the first, have text instead of figures.</summary>
    public int TextColumns { get; init; } = 1;
}
