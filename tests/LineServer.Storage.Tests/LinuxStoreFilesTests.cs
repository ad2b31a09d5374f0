using System.Runtime.Versioning;
using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Tests;

/// <summary>What Linux does and a simulated disk may not.</summary>
[SupportedOSPlatform("linux")]
public sealed class LinuxStoreFilesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_directory_is_renamed_with_what_is_in_it()
    {
        var files = new LinuxStoreFiles(_directory.Path);
        files.CreateDirectory("lines");
        files.CreateDirectory("lines/s");
        files.CreateDirectory("orphans");
        files.Open("lines/s/file").Dispose();
        files.Rename("lines/s", "orphans/s.2");
        Assert.Equal(["file"], files.List("orphans/s.2"));
        Assert.Empty(files.List("lines"));
    }

    [Fact]
    public void A_file_that_cannot_be_examined_is_not_a_missing_one()
    {
        var files = new LinuxStoreFiles(_directory.Path);
        Assert.Null(files.LengthOf("missing"));
        Assert.Null(files.LengthOf("missing/file"));
        Assert.Empty(files.List("missing"));
        string tooLong = new('a', 300);
        Assert.ThrowsAny<IOException>(() => files.LengthOf(tooLong));
        Assert.ThrowsAny<IOException>(() => files.List(tooLong));
        files.CreateDirectory("directory");
        Assert.ThrowsAny<IOException>(() => files.LengthOf("directory"));
    }

    [Fact]
    public void Every_failure_is_an_IOException()
    {
        // /proc refuses the superuser too.
        var files = new LinuxStoreFiles("/proc/self");
        Assert.ThrowsAny<IOException>(() => files.CreateDirectory("directory"));
        Assert.ThrowsAny<IOException>(() => files.Delete("status"));
        Assert.ThrowsAny<IOException>(() => files.DeleteDirectory("fdinfo"));
        Assert.ThrowsAny<IOException>(() => files.Rename("status", "comm"));
        Assert.ThrowsAny<IOException>(() => files.Open("missing/file"));
        Assert.ThrowsAny<IOException>(() => files.OpenRead("fdinfo"));
        using IStoreFile readOnly = files.OpenRead("status");
        Assert.ThrowsAny<IOException>(() => readOnly.SetLength(1));
        Assert.ThrowsAny<IOException>(() => readOnly.Write([new byte[1]], 0));
    }

    [Fact]
    public void A_failed_write_names_the_file()
    {
        using IStoreFile full = new LinuxStoreFiles("/dev").Open("full");
        IOException failed = Assert.ThrowsAny<IOException>(() => full.Write([new byte[1]], 0));
        Assert.StartsWith("full: No space left", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_buffers_than_one_call_takes_are_written_in_order()
    {
        var files = new LinuxStoreFiles(_directory.Path);
        byte[] expected = new byte[5000];
        var buffers = new List<ReadOnlyMemory<byte>>();
        for (int i = 0; i < expected.Length; i++)
        {
            expected[i] = (byte)(i * 7);
            buffers.Add(expected.AsMemory(i, 1));
            buffers.Add(default);
        }

        using IStoreFile file = files.Open("file");
        file.Write(buffers, 100);
        byte[] read = new byte[6000];
        Assert.Equal(5000, file.Read(read, 100));
        Assert.Equal(expected, read[..5000]);
    }
}
