namespace LineServer.Perf;

/// <summary>
/// Writes a file as a whole or not at all: until the new content is complete, readers see the old one, even
/// if the process is killed.
/// </summary>
internal static class WholeFile
{
    /// <summary>Checks that the file can be written, before there is content. Does not change it.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be written.</exception>
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
            // Half a file is useless, and takes space on a full disk.
            File.Delete(next);
            throw;
        }
    }

    private static string Next(string path) => path + ".new";

    // A symbolic link stays a link: its target is replaced.
    private static string Target(string path) =>
        File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
}
