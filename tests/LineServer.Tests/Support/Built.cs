using System.Reflection;

namespace LineServer.Tests.Support;

/// <summary>Where the build has put things.</summary>
internal static class Built
{
    public static string RepositoryRoot { get; } = Metadata("RepositoryRoot");

    /// <summary>The executable <c>lineserver</c>, of the configuration of these tests.</summary>
    public static string Daemon { get; } = Metadata("DaemonPath");

    private static string Metadata(string key) =>
        typeof(Built).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
