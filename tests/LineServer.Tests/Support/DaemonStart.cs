namespace LineServer.Tests.Support;

/// <summary>How the daemon is started.</summary>
internal sealed record DaemonStart(params string[] Arguments)
{
    /// <summary>What starts it: <c>["setpriv", "--reuid=65534"]</c>. Must exec, so that the process is the daemon.</summary>
    public string[] Through { get; init; } = [];

    public Dictionary<string, string> Environment { get; init; } = [];

    public string? WorkingDirectory { get; init; }

    /// <summary>True: nobody reads standard output until the test does, so that a pipe fills up.</summary>
    public bool HoldsStandardOutput { get; init; }

    /// <summary>True: nobody reads standard error until the test does.</summary>
    public bool HoldsStandardError { get; init; }
}
