using LineServer.Perf.Work;

namespace LineServer.Perf.Generators;

/// <summary>The first line that a generator's process reads: its part of the work.</summary>
/// <param name="Server">The server's address.</param>
/// <param name="Protocol">The name of the protocol.</param>
/// <param name="Sources">The source addresses.</param>
/// <param name="Workload">Its part of the workload: its share of the connections and of the rate.</param>
/// <param name="ReplyTimeoutSeconds">If nothing arrives for this time, a reply is lost.</param>
/// <param name="FirstNumber">The number of its first connection.</param>
internal sealed record GeneratorSetup(
    string Server, string Protocol, string[] Sources, Workload Workload, double ReplyTimeoutSeconds, int FirstNumber);
