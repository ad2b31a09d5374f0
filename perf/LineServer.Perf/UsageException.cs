namespace LineServer.Perf;

/// <summary>What was asked for makes no sense; the message is one line.</summary>
internal sealed class UsageException(string message) : Exception(message);
