namespace LineServer.Daemon;

/// <summary>An endpoint cannot listen, or its handler cannot run.</summary>
internal sealed class ListenException(string message) : Exception(message);
