namespace LineServer;

/// <summary>Options that each are right, and cannot be together.</summary>
internal sealed class UsageException(string message) : Exception(message);
