namespace LineServer.Transports.Tests.Support;

/// <summary>The sockets that this process has open.</summary>
internal static class Descriptors
{
    public static int Sockets() => Open().Count(name => name.StartsWith("socket:", StringComparison.Ordinal));

    /// <summary>Everything that has a descriptor: epoll instances and event descriptors too.</summary>
    public static int All() => Open().Count(name => name.Length > 0);

    /// <summary>What a descriptor is of; "socket:[…]" with a number that no other socket has.</summary>
    public static string Name(int descriptor) => Target(new FileInfo($"/proc/self/fd/{descriptor}"));

    public static bool Has(string name) => Open().Contains(name, StringComparer.Ordinal);

    /// <summary>What transports open: sockets, epoll instances and event descriptors. The runtime opens files besides.</summary>
    public static int Transports() =>
        Open().Count(name => name.StartsWith("socket:", StringComparison.Ordinal) || name.StartsWith("anon_inode:", StringComparison.Ordinal));

    private static IEnumerable<string> Open()
    {
        foreach (FileInfo descriptor in new DirectoryInfo("/proc/self/fd").EnumerateFiles())
        {
            yield return Target(descriptor);
        }
    }

    // Gone since it was listed: the listing's own, for one.
    private static string Target(FileInfo descriptor)
    {
        try
        {
            return descriptor.LinkTarget ?? "";
        }
        catch (IOException)
        {
            return "";
        }
    }
}
