namespace LineServer.Perf.Work;

/// <summary>The result with a number of idle connections.</summary>
/// <param name="Connections">The number of idle connections.</param>
/// <param name="ResidentBytes">The server's resident memory with them.</param>
/// <param name="FromDue">The latency of the active connections beside them; null if there are none.</param>
internal sealed record IdleStep(int Connections, long ResidentBytes, Latencies? FromDue)
{
    /// <summary>
    /// The bytes per additional connection: the slope of the least-squares line through all steps; null for
    /// fewer than two.
    /// </summary>
    public static double? Slope(IReadOnlyList<IdleStep> steps)
    {
        if (steps.Count < 2)
        {
            return null;
        }

        double meanConnections = steps.Average(step => (double)step.Connections);
        double meanBytes = steps.Average(step => (double)step.ResidentBytes);
        return steps.Sum(step => (step.Connections - meanConnections) * (step.ResidentBytes - meanBytes))
            / steps.Sum(step => (step.Connections - meanConnections) * (step.Connections - meanConnections));
    }
}
