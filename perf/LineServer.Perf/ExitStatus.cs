namespace LineServer.Perf;

/// <summary>The exit statuses of lineperf.</summary>
internal static class ExitStatus
{
    /// <summary>Everything was measured.</summary>
    public const int Success = 0;

    /// <summary>
    /// A server died, did not listen, lost a connection or a line, or sent a wrong reply; or a file could not
    /// be written.
    /// </summary>
    public const int Failure = 1;

    /// <summary>A bad option or argument.</summary>
    public const int Usage = 2;
}
