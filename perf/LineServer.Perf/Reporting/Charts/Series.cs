namespace LineServer.Perf.Reporting.Charts;

/// <summary>A server's line in a chart.</summary>
/// <param name="Server">The server's name.</param>
/// <param name="Classes">The style classes of its colour.</param>
/// <param name="Points">The points, in ascending order of x.</param>
/// <param name="Marks">The points with a dot.</param>
/// <param name="Whiskers">The range over the rounds at each x.</param>
internal sealed record Series(
    string Server,
    string Classes,
    IReadOnlyList<(double X, double Y)> Points,
    IReadOnlyList<Mark> Marks,
    IReadOnlyList<(double X, double From, double To)> Whiskers);
