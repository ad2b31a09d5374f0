namespace LineServer.Perf;

/// <summary>How the process ends.</summary>
internal static class ExitStatus
{
    /// <summary>All went well.</summary>
    public const int Success = 0;

    /// <summary>A server died, did not listen, or lost a connection or a line; or a reply was wrong.</summary>
    public const int Failure = 1;

    /// <summary>A bad option.</summary>
    public const int Usage = 2;
}
