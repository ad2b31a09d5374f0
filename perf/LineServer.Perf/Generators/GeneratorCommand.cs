namespace LineServer.Perf.Generators;

/// <summary>A further line that a generator's process reads; each gets one line of reply.</summary>
/// <param name="Do">"open", "check" or "run".</param>
/// <param name="Connections">To open: until there are so many.</param>
/// <param name="From">To run: when the measured interval begins, on the machine's monotonic clock, which all processes read alike.</param>
/// <param name="Until">And when it ends.</param>
internal sealed record GeneratorCommand(string Do, int Connections = 0, long From = 0, long Until = 0);
