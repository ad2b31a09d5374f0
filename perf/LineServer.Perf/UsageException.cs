namespace LineServer.Perf;

/// <summary>The arguments or a file of workloads are wrong. The message is one line.</summary>
internal sealed class UsageException(string message) : Exception(message);
