namespace LineServer;

/// <summary>Options that are valid each, but not together.</summary>
internal sealed class UsageException(string message) : Exception(message);
