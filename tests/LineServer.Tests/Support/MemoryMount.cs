namespace LineServer.Tests.Support;

/// <summary>
/// A small tmpfs. A file system in a sparse file on it gets EIO when the tmpfs is full. A test that may not mount is
/// skipped, and says why.
/// </summary>
internal sealed class MemoryMount : IAsyncDisposable
{
    private MemoryMount(string path) => Path = path;

    public string Path { get; }

    public static async Task<MemoryMount> MakeAsync(string directory, int mebibytes)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can mount a file system");
        string path = Directory.CreateDirectory(System.IO.Path.Combine(directory, "memory")).FullName;
        FinishedProcess mount = await Tool.RunAsync("mount", "-t", "tmpfs", "-o", $"size={mebibytes}m", "lineserver-tests", path);
        Assert.SkipUnless(mount.Status == 0, $"this machine does not mount a tmpfs: {mount.Error.ReplaceLineEndings(" ")}");
        return new MemoryMount(path);
    }

    public async ValueTask DisposeAsync()
    {
        if ((await Tool.RunAsync("umount", Path)).Status != 0)
        {
            await Tool.RunAsync("umount", "--lazy", Path);
        }
    }
}
