namespace LineServer.Perf.Servers;

/// <summary>Where the sources stand that lineperf was built from: the peers and the daemon are found there.</summary>
internal static class Checkout
{
    /// <exception cref="RunFailedException">lineperf was moved out of it.</exception>
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "LineServer.sln")))
            {
                return folder.FullName.TrimEnd('/');
            }
        }

        throw new RunFailedException($"no LineServer.sln above {AppContext.BaseDirectory}: lineperf runs from its checkout");
    }
}
