namespace LineServer.Perf;

/// <summary>
/// The server misbehaved, or the machine does not allow the work. The message says what was expected and what
/// happened.
/// </summary>
internal sealed class RunFailedException(string message) : Exception(message);
