namespace LineServer.Tests.Support;

/// <summary>How the daemon is started.</summary>
internal sealed record DaemonStart(params string[] Arguments)
{
    /// <summary>
    /// A command that starts the daemon, such as <c>["setpriv", "--reuid=65534"]</c>. It must exec, so that
    /// its process becomes the daemon.
    /// </summary>
    public string[] Through { get; init; } = [];

    public Dictionary<string, string> Environment { get; init; } = [];

    public string? WorkingDirectory { get; init; }

    /// <summary>
    /// True to leave standard output unread until the test reads it, so that the pipe fills up.
    /// </summary>
    public bool HoldsStandardOutput { get; init; }

    /// <summary>True to leave standard error unread until the test reads it.</summary>
    public bool HoldsStandardError { get; init; }
}
