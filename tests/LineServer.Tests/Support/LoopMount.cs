using System.Diagnostics;

namespace LineServer.Tests.Support;

/// <summary>
/// A file system in a sparse file, mounted by a loop device that goes with the mount. A test that may not mount is
/// skipped, and says why.
/// </summary>
internal sealed class LoopMount : IAsyncDisposable
{
    private readonly string _image;
    private readonly bool _mustCheck;
    private bool _isMounted;

    private LoopMount(string image, string path, bool mustCheck)
    {
        _image = image;
        Path = path;
        _mustCheck = mustCheck;
    }

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    /// <summary>Makes the file system, and mounts it.</summary>
    /// <param name="kind">ext4, ext4-nojournal or xfs.</param>
    /// <param name="directory">Where the image and the mount point are made.</param>
    /// <param name="mebibytes">The size of the file system. XFS needs 300.</param>
    public static async Task<LoopMount> MakeAsync(string kind, string directory, int mebibytes)
    {
        Assert.SkipWhen(DaemonProcess.Transport == "sockets", "what a store does with its disk is the same over every transport");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can mount a file system");
        string image = System.IO.Path.Combine(directory, "image");
        using (FileStream file = File.Create(image))
        {
            file.SetLength(mebibytes * 1024L * 1024);
        }

        string[] make = kind switch
        {
            "ext4" => ["mkfs.ext4", "-q", "-F"],
            "ext4-nojournal" => ["mkfs.ext4", "-q", "-F", "-O", "^has_journal"],
            _ => ["mkfs.xfs", "-q"],
        };
        await RunAsync([.. make, image]);
        string path = Directory.CreateDirectory(System.IO.Path.Combine(directory, "mounted")).FullName;
        var mount = new LoopMount(image, path, mustCheck: kind == "ext4-nojournal");
        if (await mount.TryMountAsync() is { } refusal)
        {
            Assert.Skip($"this machine does not mount {kind} from a file: {refusal}");
        }

        return mount;
    }

    public async Task MountAsync()
    {
        // A journal is replayed by the mount.
        if (_mustCheck)
        {
            FinishedProcess check = await Tool.RunAsync("e2fsck", "-fy", _image);
            Assert.True(check.Status is 0 or 1, $"e2fsck: {check.Status} {check.Output}");
        }

        Assert.Null(await TryMountAsync());
    }

    /// <summary>Unmounts it. Whoever had a file open must have ended, but the kernel may still be busy with their end.</summary>
    public async Task UnmountAsync()
    {
        long start = Stopwatch.GetTimestamp();
        FinishedProcess unmount;
        while ((unmount = await Tool.RunAsync("umount", Path)).Status != 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Guard.Timeout, unmount.Error);
        }

        _isMounted = false;
    }

    /// <summary>The power is cut: the file system writes nothing more, and what it has not written yet is lost.</summary>
    public void CutPower() => PowerCut.Cut(Path);

    /// <summary>Every write waits, until what this returns is disposed of.</summary>
    public async Task<IAsyncDisposable> FreezeAsync()
    {
        await RunAsync("fsfreeze", "--freeze", Path);
        return new Frozen(Path);
    }

    public async ValueTask DisposeAsync()
    {
        // A lazy one, because nothing may stay mounted after a test that has failed.
        if (_isMounted && (await Tool.RunAsync("umount", Path)).Status != 0)
        {
            await RunAsync("umount", "--lazy", Path);
        }
    }

    private static async Task RunAsync(params string[] command)
    {
        FinishedProcess finished = await Tool.RunAsync(command[0], command[1..]);
        Assert.True(finished.Status == 0, $"{string.Join(' ', command)}: {finished.Error}");
    }

    /// <summary>Returns why it was refused; null if it is mounted.</summary>
    private async Task<string?> TryMountAsync()
    {
        FinishedProcess mount = await Tool.RunAsync("mount", "-o", "loop", _image, Path);
        _isMounted = mount.Status == 0;
        return _isMounted ? null : mount.Error.ReplaceLineEndings(" ");
    }

    private sealed class Frozen(string path) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await RunAsync("fsfreeze", "--unfreeze", path);
    }
}
