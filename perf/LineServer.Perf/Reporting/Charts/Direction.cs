namespace LineServer.Perf.Reporting.Charts;

/// <summary>Which figures of a chart are better. Every chart says so at its axis.</summary>
internal enum Direction
{
    More,
    Less,
}
