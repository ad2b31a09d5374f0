using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <param name="Workload">Its name.</param>
/// <param name="Server">Its name.</param>
/// <param name="Number">From 1; what has the same number ran side by side.</param>
/// <param name="Measured">What came out.</param>
internal sealed record Round(string Workload, string Server, int Number, Measurement Measured);
