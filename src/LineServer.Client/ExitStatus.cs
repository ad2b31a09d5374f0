namespace LineServer.Client;

/// <summary>What the process says to its caller.</summary>
internal static class ExitStatus
{
    /// <summary>All was sent, and answered where that was asked for.</summary>
    public const int Success = 0;

    /// <summary>Not all was sent or answered; an input could not be read, or standard output not be written.</summary>
    public const int Incomplete = 1;

    public const int BadOption = 2;

    public const int NoConnection = 3;
}
