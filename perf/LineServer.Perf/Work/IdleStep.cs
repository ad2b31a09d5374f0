namespace LineServer.Perf.Work;

/// <summary>What a number of idle connections showed.</summary>
/// <param name="Connections">How many.</param>
/// <param name="ResidentBytes">What the server's process holds with them.</param>
/// <param name="FromDue">Of the active connections beside them; null where there are none.</param>
internal sealed record IdleStep(int Connections, long ResidentBytes, Latencies? FromDue)
{
    /// <summary>How many bytes a connection more makes: the slope of the straight line through all steps, by least squares; null for less than two.</summary>
    public static double? Slope(IReadOnlyList<IdleStep> steps)
    {
        if (steps.Count < 2)
        {
            return null;
        }

        double meanConnections = steps.Average(step => (double)step.Connections), meanBytes = steps.Average(step => (double)step.ResidentBytes);
        return steps.Sum(step => (step.Connections - meanConnections) * (step.ResidentBytes - meanBytes))
            / steps.Sum(step => (step.Connections - meanConnections) * (step.Connections - meanConnections));
    }
}
