namespace LineServer.Client;

/// <summary>The exit statuses of the process.</summary>
internal static class ExitStatus
{
    /// <summary>Everything was sent, and answered if replies were expected.</summary>
    public const int Success = 0;

    /// <summary>
    /// Not everything was sent or answered, an input could not be read, or standard output could not be
    /// written.
    /// </summary>
    public const int Incomplete = 1;

    public const int BadOption = 2;

    public const int NoConnection = 3;
}
