namespace LineServer.Perf;

/// <summary>A file that is written whole or not at all: who reads it meanwhile, or stops us, has the one before.</summary>
internal static class WholeFile
{
    /// <summary>Finds out whether it can be written, before there is anything to write. The file itself stays as it is.</summary>
    /// <exception cref="IOException">It cannot.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot.</exception>
    public static void Try(string path)
    {
        string next = Next(Target(path));
        File.Create(next).Dispose();
        File.Delete(next);
    }

    public static void Write(string path, Action<Stream> write)
    {
        path = Target(path);
        string next = Next(path);
        try
        {
            using (FileStream file = File.Create(next))
            {
                write(file);
            }

            if (OperatingSystem.IsLinux() && File.Exists(path))
            {
                File.SetUnixFileMode(next, File.GetUnixFileMode(path));
            }

            File.Move(next, path, overwrite: true);
        }
        catch
        {
            // A half of it is of no use, and on a full disk in the way.
            File.Delete(next);
            throw;
        }
    }

    private static string Next(string path) => path + ".new";

    // A link stays one.
    private static string Target(string path) => File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
}
