namespace LineServer.Daemon;

/// <summary>An endpoint cannot listen.</summary>
internal sealed class ListenException(string message) : Exception(message);
