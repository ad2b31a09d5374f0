using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>A program of others that sends lines: unpacked by <c>test.sh</c>, else that of the machine.</summary>
/// <param name="Root">The directory that stands for <c>/</c>.</param>
/// <param name="Path">The executable.</param>
/// <param name="Modules">The directory of the modules that it loads.</param>
internal sealed record SenderProgram(string Root, string Path, string Modules)
{
    private static readonly EnumerationOptions ModuleSearch = new() { RecurseSubdirectories = true, MaxRecursionDepth = 2, IgnoreInaccessible = true };

    /// <summary>The directories of its libraries, for LD_LIBRARY_PATH. Empty for the machine's own.</summary>
    public string LibraryPath { get; } = Root == "/" ? string.Empty : string.Join(
        ':', new[] { "lib", "usr/lib" }.Select(name => System.IO.Path.Combine(Root, name)).Where(Directory.Exists).SelectMany(Directory.GetDirectories));

    /// <summary>A file of the package.</summary>
    public string this[string name] => System.IO.Path.Combine(Root, name);

    /// <summary>Finds a program by its name and by one of its modules. Skips the test if there is none.</summary>
    public static SenderProgram Find(string command, string module)
    {
        foreach (string root in new[] { Built.Senders, "/" })
        {
            string path = System.IO.Path.Combine(root, "usr/sbin", command);
            string libraries = System.IO.Path.Combine(root, "usr/lib");
            if (File.Exists(path) && Directory.EnumerateFiles(libraries, module, ModuleSearch).FirstOrDefault() is { } found)
            {
                return new SenderProgram(root, path, System.IO.Path.GetDirectoryName(found)!);
            }
        }

        Assert.Skip($"THERE IS NO {command} with {module}, neither in {Built.Senders}, where test.sh unpacks it, nor on this machine.");
        return null;
    }
}
