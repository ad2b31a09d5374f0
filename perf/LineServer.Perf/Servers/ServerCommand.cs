using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Servers;

/// <summary>A server and the command that starts it.</summary>
/// <param name="Name">The server's name in tables.</param>
/// <param name="Command">
/// One program with its arguments, in shell syntax; the shell is replaced by it (exec). {port}, {root} (the
/// checkout) and {handler} (the name of the handler) are replaced. A command without {handler} echoes.
/// For the handler await-remote, --redis with the port of that Redis follows. {directory} is a new directory, which is
/// removed with the server.
/// </param>
/// <param name="Needs">A file that must exist, relative to the checkout; null for none.</param>
/// <param name="BuiltBy">The command that builds that file.</param>
/// <param name="BuiltOnUse">
/// True to run that command before each use; false to tell the user to run it.
/// </param>
internal sealed record ServerCommand(
    string Name, string Command, string? Needs = null, string? BuiltBy = null, bool BuiltOnUse = false)
{
    /// <summary>
    /// A command that prints, on one line, the server's version and what it was built with. It runs in the
    /// checkout. Null for none.
    /// </summary>
    public string? VersionBy { get; init; }

    /// <summary>
    /// The handlers that the server can be started with. Unless told otherwise, a server echoes, and discards
    /// too if its command has {handler}.
    /// </summary>
    public IReadOnlyList<string> Handlers { get; init; } = Command.Contains("{handler}", StringComparison.Ordinal)
        ? [ServerHandler.Echo, ServerHandler.Discard]
        : [ServerHandler.Echo];

    /// <summary>
    /// The option that takes the number of lines of a connection that the server handles at once; null if it
    /// handles one after the other. Workloads that ask for more than one add it to the command.
    /// </summary>
    public string? ConcurrencyOption { get; init; }

    /// <summary>
    /// The file in {directory} to which the server writes every line, with its LF. With it, a measurement of lines that go
    /// one way ends when all of them are there. Null for none.
    /// </summary>
    public string? LinesFile { get; init; }

    /// <summary>The protocol that the server speaks.</summary>
    public LineProtocol Protocol { get; init; } = LineProtocol.Echo;

    /// <summary>
    /// The time that the server has to start listening. A JIT on a busy core may need most of it.
    /// </summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>True if the server can do this workload.</summary>
    public bool Supports(Workload workload) => WhyNot(workload) is null;

    /// <summary>What the server lacks for this workload; null if it lacks nothing.</summary>
    public string? WhyNot(Workload workload) =>
        !Handlers.Contains(workload.Handler, StringComparer.Ordinal) ? $"has no {workload.Handler} mode"
        : workload.ConcurrentLines > 1 && ConcurrencyOption is null ? "handles one line of a connection at a time"
        : !Protocol.Allows(workload.Lines)
            || (workload.SlowConnections > 0 && !Protocol.Allows(LineSizes.Same(workload.SlowLineSize)))
            ? $"has no lines of that size in {Protocol.Name}"
        : null;

    /// <summary>The command for a workload, with everything but {root} replaced.</summary>
    /// <param name="port">The port that the server listens on.</param>
    /// <param name="workload">One that the server supports; null to echo.</param>
    /// <param name="redisPort">For the handler await-remote: the port of the Redis on 127.0.0.1.</param>
    public string For(int port, Workload? workload = null, int? redisPort = null) =>
        Command
            .Replace("{port}", $"{port}", StringComparison.Ordinal)
            .Replace("{handler}", workload?.Handler ?? ServerHandler.Echo, StringComparison.Ordinal) +
        (redisPort is null ? "" : $" --redis {redisPort}") +
        (workload is { ConcurrentLines: > 1 and int lines } ? $" {ConcurrencyOption} {lines}" : "");

    /// <summary>Parses 'name=command with {port}'. After a name, ':' and a protocol other than echo makes it a server that stores.</summary>
    /// <exception cref="UsageException">The text does not have that form.</exception>
    public static ServerCommand Parse(string text)
    {
        string[] parts = text.Split('=', 2);
        if (parts is not [{ Length: > 0 } name, { Length: > 0 } command] || name.Any(char.IsWhiteSpace))
        {
            throw new UsageException($"--server: '{text}' is not 'name=command with {{port}}'");
        }

        // exec cannot run a cd or an assignment. A path may contain '=' too.
        string first = command.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault("");
        if (first is "cd" or "exec" || (first.Contains('=') && !first.Split('=')[0].Contains('/')))
        {
            throw new UsageException(
                $"--server: the command of '{name}' must be one program, and begins with '{first}'; " +
                "to set a folder or variables: env -C DIR KEY=VALUE program");
        }

        var server = new ServerCommand(name, command) { StartLimit = TimeSpan.FromSeconds(10) };
        if (name.Split(':') is [{ Length: > 0 } plain, var protocol])
        {
            server = server with
            {
                Name = plain,
                Handlers = [ServerHandler.Store],
                Protocol = LineProtocol.All.FirstOrDefault(known => known.Name == protocol && known != LineProtocol.Echo)
                    ?? throw new UsageException($"--server: there is no protocol '{protocol}' of a server that stores"),
            };
        }

        return command.Contains("{port}", StringComparison.Ordinal)
            ? server
            : throw new UsageException($"--server: the command of '{name}' has no {{port}}");
    }
}
