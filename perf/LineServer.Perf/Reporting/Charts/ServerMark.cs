using LineServer.Perf.Comparing;

namespace LineServer.Perf.Reporting.Charts;

/// <summary>A server's row in a chart.</summary>
/// <param name="Server">The server's name.</param>
/// <param name="Classes">The style classes of its colour.</param>
/// <param name="Figure">Its figure; null if it has none, and then the note says why.</param>
/// <param name="Note">The text at the end of the row.</param>
/// <param name="IsSaturated">
/// True if the generator was saturated, so that the server may be better than this.
/// </param>
internal sealed record ServerMark(string Server, string Classes, Spread? Figure, string Note, bool IsSaturated);
