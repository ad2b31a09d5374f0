namespace LineServer.Daemon;

/// <summary>The daemon cannot start: an endpoint cannot listen, a handler cannot run, or a store cannot be opened.</summary>
internal sealed class StartException(string message) : Exception(message);
