namespace LineServer.Perf.Reporting.Charts;

/// <summary>Whether more or less is better. Every chart says so at its axis.</summary>
internal enum Direction
{
    More,
    Less,
}
