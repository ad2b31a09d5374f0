namespace LineServer.Perf.Generators;

/// <summary>
/// A command to a generator's process: each line of its input after the first. It answers each with one line.
/// </summary>
/// <param name="Do">"open", "check" or "run".</param>
/// <param name="Connections">For "open": how many connections are then open.</param>
/// <param name="From">
/// For "run": the start of the measured interval on the monotonic clock, which all processes share.
/// </param>
/// <param name="Until">For "run": the end of the interval.</param>
internal sealed record GeneratorCommand(string Do, int Connections = 0, long From = 0, long Until = 0);
