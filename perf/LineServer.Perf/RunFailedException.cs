namespace LineServer.Perf;

/// <summary>The server did what it must not, or the machine does not allow the work. The message says what was expected and what came.</summary>
internal sealed class RunFailedException(string message) : Exception(message);
