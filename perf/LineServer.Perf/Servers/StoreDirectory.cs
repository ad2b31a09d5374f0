using LineServer.Linux;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Servers;

/// <summary>A new directory for what a server stores. Dispose removes it with everything in it.</summary>
internal sealed class StoreDirectory : IDisposable
{
    private StoreDirectory(string path) => Path = path;

    public string Path { get; }

    /// <summary>Makes a directory under a root, which is made if it is missing.</summary>
    public static StoreDirectory Create(string root)
    {
        string path = System.IO.Path.Combine(root, $"lineperf-{Guid.NewGuid():N}");
        Directory.CreateDirectory(path);
        return new(path);
    }

    /// <summary>
    /// Where the directories are: the one that the user gave, or the temporary folder, or, if that is in memory, the
    /// folder of lineperf.
    /// </summary>
    /// <exception cref="UsageException">It is in memory, where a sync costs nothing.</exception>
    public static string RootOf(string? given)
    {
        string temporary = System.IO.Path.GetTempPath();
        string root = System.IO.Path.GetFullPath(given ?? (IsInMemory(temporary) ? AppContext.BaseDirectory : temporary));
        return IsInMemory(root)
            ? throw new UsageException($"--store-directory: {root} is in memory ({FileSystemOf(root)}), where a sync costs nothing")
            : root;
    }

    /// <summary>The type of the file system under a path, which need not exist.</summary>
    public static string FileSystemOf(string path)
    {
        while (!Directory.Exists(path))
        {
            path = System.IO.Path.GetDirectoryName(path) ?? "/";
        }

        return new DriveInfo(path).DriveFormat;
    }

    /// <summary>Writes out what other servers have left in the page cache, so that nobody pays for another.</summary>
    public static void Settle(string root)
    {
        if (Libc.OpenDirectory(root) is int descriptor and >= 0)
        {
            _ = MeasuringCalls.SyncFileSystem(descriptor);
            _ = Libc.Close(descriptor);
        }
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Removed already.
        }
    }

    private static bool IsInMemory(string path) => FileSystemOf(path) is "tmpfs" or "ramfs";
}
