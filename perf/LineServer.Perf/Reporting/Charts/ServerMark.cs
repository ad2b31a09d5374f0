using LineServer.Perf.Comparing;

namespace LineServer.Perf.Reporting.Charts;

/// <summary>A server's figure in a chart of rows.</summary>
/// <param name="Server">Its name.</param>
/// <param name="Classes">Its colour.</param>
/// <param name="Figure">Null: it has none, and the note says why.</param>
/// <param name="Note">Stands at the end of the row.</param>
/// <param name="IsSaturated">The generator could not do more: the server may be better than this.</param>
internal sealed record ServerMark(string Server, string Classes, Spread? Figure, string Note, bool IsSaturated);
