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

    public void CreateDirectory(string path) => Directory.CreateDirectory(At(path), DirectoryMode);

    public IReadOnlyList<string> List(string path) =>
        Directory.Exists(At(path)) ? [.. Directory.EnumerateFileSystemEntries(At(path)).Select(entry => Path.GetFileName(entry))] : [];

    public long? LengthOf(string path) => new FileInfo(At(path)) is { Exists: true } file ? file.Length : null;

    public DateTimeOffset? WrittenAt(string path) => new FileInfo(At(path)) is { Exists: true } file ? new DateTimeOffset(file.LastWriteTimeUtc) : null;

    public IStoreFile Open(string path)
    {
        int descriptor = Libc.OpenOrCreate(At(path), OwnerWritesGroupReads);
        return descriptor >= 0
            ? new LinuxStoreFile(new SafeFileHandle(descriptor, ownsHandle: true), path)
            : throw Error(path, (Errno)(-descriptor));
    }

    public IStoreFile OpenRead(string path)
    {
        try
        {
            return new LinuxStoreFile(File.OpenHandle(At(path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete), path);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    public void Rename(string from, string to) => File.Move(At(from), At(to), overwrite: true);

    public void Delete(string path) => File.Delete(At(path));

    public void DeleteDirectory(string path) => Directory.Delete(At(path));

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

    private string At(string path) => Path.Combine(Root, path);
}
