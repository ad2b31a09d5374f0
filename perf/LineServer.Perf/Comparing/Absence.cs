namespace LineServer.Perf.Comparing;

/// <summary>A server without a result: never silently.</summary>
/// <param name="Workload">Whose result is missing.</param>
/// <param name="Server">Its name.</param>
/// <param name="Reason">What happened.</param>
/// <param name="Failed">It ran, and did what it must not: the comparison fails. Otherwise it could not be built or started here.</param>
internal sealed record Absence(string Workload, string Server, string Reason, bool Failed);
