namespace LineServer.Perf.Profiling;

/// <param name="Kind">kernel, user, JIT or unknown.</param>
/// <param name="Code">A file, or perf's name for code without one.</param>
/// <param name="Share">The share of all samples, 0 to 1.</param>
internal sealed record CodeShare(string Kind, string Code, double Share);
