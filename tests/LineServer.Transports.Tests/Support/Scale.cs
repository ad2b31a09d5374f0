namespace LineServer.Transports.Tests.Support;

/// <summary>Two sizes: seconds a case in CI; as the project promises it when LINESERVER_TESTS is "full" (tests/full.sh).</summary>
internal static class Scale
{
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full";

    /// <summary>Bytes each way where bulk is moved.</summary>
    public static int Bytes { get; } = IsFull ? 100_000_000 : 4_000_000;

    /// <summary>Connections where many are opened.</summary>
    public static int Connections { get; } = IsFull ? 15_000 : 2_000;

    /// <summary>Rounds of a race.</summary>
    public static int Rounds { get; } = IsFull ? 3_000 : 150;

    /// <summary>Bytes of an HTTP upload.</summary>
    public static long UploadBytes { get; } = IsFull ? 1L << 30 : 4L << 20;
}
