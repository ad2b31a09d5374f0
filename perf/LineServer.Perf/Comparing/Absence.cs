namespace LineServer.Perf.Comparing;

/// <summary>A server without a result for a workload. Reports always show it.</summary>
/// <param name="Workload">The workload without a result.</param>
/// <param name="Server">The server's name.</param>
/// <param name="Reason">The reason.</param>
/// <param name="Failed">
/// True if the server ran and misbehaved: the comparison fails. False if it could not be built or started
/// here, or does not support the workload.
/// </param>
internal sealed record Absence(string Workload, string Server, string Reason, bool Failed);
