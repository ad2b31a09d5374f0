namespace LineServer.Perf.Comparing;

/// <param name="Name">As it stands in the tables.</param>
/// <param name="Command">As it was given or built in; {port} and {root} stand for what was put there.</param>
/// <param name="Version">Of it, and of what it was built with; null where nobody says.</param>
internal sealed record ComparedServer(string Name, string Command, string? Version);
