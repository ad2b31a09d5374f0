namespace LineServer.Perf.Reporting.Charts;

/// <summary>A server's line in a chart.</summary>
/// <param name="Server">Its name.</param>
/// <param name="Classes">Its colour.</param>
/// <param name="Points">In order of x.</param>
/// <param name="Marks">Points that have a dot.</param>
/// <param name="Whiskers">Between what the rounds lay at an x.</param>
internal sealed record Series(
    string Server, string Classes, IReadOnlyList<(double X, double Y)> Points, IReadOnlyList<Mark> Marks, IReadOnlyList<(double X, double From, double To)> Whiskers);
