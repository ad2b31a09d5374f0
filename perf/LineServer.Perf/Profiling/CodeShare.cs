namespace LineServer.Perf.Profiling;

/// <param name="Kind">kernel, user, JIT or unknown.</param>
/// <param name="Code">A file, or what perf calls it.</param>
/// <param name="Share">Of all samples, 0 to 1.</param>
internal sealed record CodeShare(string Kind, string Code, double Share);
