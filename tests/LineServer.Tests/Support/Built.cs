using System.Reflection;

namespace LineServer.Tests.Support;

/// <summary>The paths of build outputs.</summary>
internal static class Built
{
    public static string RepositoryRoot { get; } = Metadata("RepositoryRoot");

    /// <summary>The <c>lineserver</c> executable in the configuration of these tests.</summary>
    public static string Daemon { get; } = Metadata("DaemonPath");

    /// <summary>The directory into which <c>test.sh</c> unpacks the packages of other programs that send lines.</summary>
    public static string Senders { get; } = Metadata("SendersPath");

    private static string Metadata(string key) =>
        typeof(Built).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
