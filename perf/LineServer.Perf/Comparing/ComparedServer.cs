namespace LineServer.Perf.Comparing;

/// <param name="Name">The server's name in tables.</param>
/// <param name="Command">
/// The command as it was given or is built in, with {port} and {root} not replaced.
/// </param>
/// <param name="Version">The version of the server and of what it was built with; null if unknown.</param>
internal sealed record ComparedServer(string Name, string Command, string? Version);
