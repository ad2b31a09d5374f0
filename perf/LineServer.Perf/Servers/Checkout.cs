namespace LineServer.Perf.Servers;

/// <summary>The source tree that lineperf was built from. It has the peers and the daemon.</summary>
internal static class Checkout
{
    private static string? _root;

    /// <exception cref="RunFailedException">lineperf was moved out of the tree.</exception>
    public static string Root => _root ??= Find();

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "LineServer.sln")))
            {
                return folder.FullName.TrimEnd('/');
            }
        }

        throw new RunFailedException(
            $"the built-in servers need the checkout: there is no LineServer.sln above {AppContext.BaseDirectory}");
    }
}
