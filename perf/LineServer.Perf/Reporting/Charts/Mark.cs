namespace LineServer.Perf.Reporting.Charts;

/// <summary>A dot on a server's line.</summary>
/// <param name="X">The value on the horizontal axis.</param>
/// <param name="Y">The value on the vertical axis.</param>
/// <param name="Tip">The text of its tooltip.</param>
/// <param name="IsSaturated">
/// True if the generator was saturated, so that the server may be better than this.
/// </param>
internal sealed record Mark(double X, double Y, string Tip, bool IsSaturated = false);
