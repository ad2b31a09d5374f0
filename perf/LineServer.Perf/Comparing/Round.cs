using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <param name="Workload">The workload's name.</param>
/// <param name="Server">The server's name.</param>
/// <param name="Number">From 1. Turns with the same number ran side by side.</param>
/// <param name="Measured">The result.</param>
internal sealed record Round(string Workload, string Server, int Number, Measurement Measured);
