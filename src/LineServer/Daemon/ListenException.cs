namespace LineServer.Daemon;

/// <summary>An endpoint cannot listen, or its handler cannot work.</summary>
internal sealed class ListenException(string message) : Exception(message);
