using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using LineServer.Linux;
using Microsoft.Win32.SafeHandles;

namespace LineServer.Storage.Internal.Files;

/// <summary>The files of a directory, by Linux's calls.</summary>
[SupportedOSPlatform("linux")]
internal sealed class LinuxStoreFiles(string root) : IStoreFiles
{
    // Lines may be confidential: the group reads, others do not.
    private const int OwnerWritesGroupReads = 0x1A0; // 0640
    private const UnixFileMode DirectoryMode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;

    public string Root { get; } = root;

    public long Room => Call(() => new DriveInfo(Root).AvailableFreeSpace);

    /// <summary>Creates the store's directory, unless it is there, and makes it durable: its parents are synced.</summary>
    public void CreateRoot()
    {
        CreateDirectory(string.Empty);
        if (LengthOf(StoreIdentity.Path) is not null)
        {
            return;
        }

        for (string? parent = Path.GetDirectoryName(Root); parent is not null; parent = Path.GetDirectoryName(parent))
        {
            try
            {
                SyncDirectory(parent);
            }
            catch (IOException e) when ((Errno)e.HResult is Errno.EACCES or Errno.EINVAL or Errno.EROFS)
            {
                // We cannot have made anything in it, or its file system has nothing to sync.
            }
        }
    }

    public void CreateDirectory(string path) => Call(() => Directory.CreateDirectory(At(path), DirectoryMode));

    public IReadOnlyList<string> List(string path) => Call<string[]>(() =>
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(At(path)).Select(entry => Path.GetFileName(entry))];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    });

    public long? LengthOf(string path) => new FileInfo(At(path)) is { Exists: true } file
        ? file.Length
        : Examine<long?>(path, handle => RandomAccess.GetLength(handle));

    public DateTimeOffset? WrittenAt(string path) => Examine<DateTimeOffset?>(path, handle => new DateTimeOffset(File.GetLastWriteTimeUtc(handle)));

    public IStoreFile Open(string path)
    {
        int descriptor = Libc.OpenOrCreate(At(path), OwnerWritesGroupReads);
        return descriptor >= 0
            ? new LinuxStoreFile(new SafeFileHandle(descriptor, ownsHandle: true), path)
            : throw Error(path, (Errno)(-descriptor));
    }

    public IStoreFile OpenRead(string path) => new LinuxStoreFile(Call(() => OpenHandle(path)), path);

    // File.Move moves no directories.
    public void Rename(string from, string to) => Call(() =>
    {
        if (Directory.Exists(At(from)))
        {
            Directory.Move(At(from), At(to));
        }
        else
        {
            File.Move(At(from), At(to), overwrite: true);
        }
    });

    public void Delete(string path) => Call(() => File.Delete(At(path)));

    public void DeleteDirectory(string path) => Call(() =>
    {
        try
        {
            Directory.Delete(At(path));
        }
        catch (DirectoryNotFoundException)
        {
            // As it should be.
        }
    });

    public void SyncDirectory(string path)
    {
        int descriptor = Libc.OpenDirectory(At(path));
        if (descriptor < 0)
        {
            throw Error(path, (Errno)(-descriptor));
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (Libc.Sync(descriptor) != 0)
        {
            throw Error(path, (Errno)Marshal.GetLastSystemError());
        }
    }

    public static IOException Error(string path, Errno error) =>
        new($"{path}: {Marshal.GetPInvokeErrorMessage((int)error)}", (int)error);

    /// <summary>
    /// Null only if there is no such file. <see cref="FileSystemInfo.Exists"/> would also be false for one that cannot be
    /// examined now, and a log file that counts as missing is a lost one.
    /// </summary>
    private T? Examine<T>(string path, Func<SafeFileHandle, T> examine) => Call(() =>
    {
        try
        {
            using SafeFileHandle handle = OpenHandle(path);
            return examine(handle);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return default(T?);
        }
    });

    private SafeFileHandle OpenHandle(string path) =>
        File.OpenHandle(At(path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private static void Call(Action call) => Call(() =>
    {
        call();
        return true;
    });

    private static T Call<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private string At(string path) => Path.Combine(Root, path);
}
