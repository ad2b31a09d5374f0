namespace LineServer.Perf.Reporting.Charts;

/// <summary>A dot on a server's line.</summary>
/// <param name="X">Its place.</param>
/// <param name="Y">Its place.</param>
/// <param name="Tip">What is said of it.</param>
/// <param name="IsSaturated">The generator could not do more: the server may be better than this.</param>
internal sealed record Mark(double X, double Y, string Tip, bool IsSaturated = false);
