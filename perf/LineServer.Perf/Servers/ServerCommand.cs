using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Servers;

/// <summary>A server that can be started.</summary>
/// <param name="Name">As it stands in the table.</param>
/// <param name="Command">
/// One program with its arguments, as a shell reads it: the shell becomes it (exec). {port}, {root} (the checkout) and {handler} (what it does with lines: "echo" or "discard") are replaced. Without {handler} it echoes.
/// </param>
/// <param name="Needs">A file that must be there, under the checkout; null for none.</param>
/// <param name="BuiltBy">The command that makes that file.</param>
/// <param name="BuiltOnUse">Whether that command is run before each use; otherwise the user is told.</param>
internal sealed record ServerCommand(string Name, string Command, string? Needs = null, string? BuiltBy = null, bool BuiltOnUse = false)
{
    /// <summary>A command that prints the version of it, and of what it was built with, on one line; it runs in the checkout. Null for none.</summary>
    public string? VersionBy { get; init; }

    /// <summary>How it is spoken to.</summary>
    public LineProtocol Protocol { get; init; } = LineProtocol.Echo;

    /// <summary>How long it may take until it listens. A JIT on a busy core may need most of it.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether it has what a workload needs.</summary>
    public bool Supports(Workload workload) => WhyNot(workload) is null;

    /// <summary>What it has not that a workload needs; null when it has all.</summary>
    public string? WhyNot(Workload workload) =>
        !CanDo(workload.Handler) ? $"has no {workload.Handler} mode"
        : !Protocol.Allows(workload.Lines) || (workload.SlowConnections > 0 && !Protocol.Allows(LineSizes.Same(workload.SlowLineSize))) ? $"has no such lines in {Protocol.Name}"
        : null;

    /// <summary>Reads 'name=command with {port}'.</summary>
    /// <exception cref="UsageException">It is not in that form.</exception>
    public static ServerCommand Parse(string text)
    {
        string[] parts = text.Split('=', 2);
        if (parts is not [{ Length: > 0 } name, { Length: > 0 } command] || name.Any(char.IsWhiteSpace))
        {
            throw new UsageException($"--server: '{text}' is not 'name=command with {{port}}'");
        }

        // What exec cannot become: a change of folder, a variable. A path may have a '=' too.
        string first = command.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault("");
        if (first is "cd" or "exec" || (first.Contains('=') && !first.Split('=')[0].Contains('/')))
        {
            throw new UsageException($"--server: the command of '{name}' is not one program, it begins with '{first}'; a folder and variables go by: env -C DIR KEY=VALUE program");
        }

        return command.Contains("{port}", StringComparison.Ordinal)
            ? new ServerCommand(name, command) { StartLimit = TimeSpan.FromSeconds(10) }
            : throw new UsageException($"--server: the command of '{name}' has no {{port}}");
    }

    // Whether it can be started so that it does this with lines.
    private bool CanDo(string handler) => handler == "echo" || Command.Contains("{handler}", StringComparison.Ordinal);
}
