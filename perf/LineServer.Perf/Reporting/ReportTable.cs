namespace LineServer.Perf.Reporting;

/// <summary>A table, before anybody has chosen how it looks.</summary>
/// <param name="Name">By which a document asks for it.</param>
/// <param name="Title">What stands above it.</param>
/// <param name="Columns">Their heads; the first column's cells are names.</param>
/// <param name="Rows">Cells; a row that is shorter than the others has no more to say.</param>
internal sealed record ReportTable(string Name, string Title, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>How many columns, from the first on, hold text rather than figures.</summary>
    public int TextColumns { get; init; } = 1;
}
