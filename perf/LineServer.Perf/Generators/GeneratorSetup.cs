using LineServer.Perf.Work;

namespace LineServer.Perf.Generators;

/// <summary>The first line that a generator's process reads: what it shall do.</summary>
/// <param name="Server">Where it is.</param>
/// <param name="Protocol">The name of how it is spoken to.</param>
/// <param name="Sources">The addresses to leave from.</param>
/// <param name="Workload">Its part: with its own number of connections, and its part of the rate.</param>
/// <param name="ReplyTimeoutSeconds">When nothing comes for so long, a reply was lost.</param>
/// <param name="FirstNumber">The number of its first connection.</param>
internal sealed record GeneratorSetup(string Server, string Protocol, string[] Sources, Workload Workload, double ReplyTimeoutSeconds, int FirstNumber);
