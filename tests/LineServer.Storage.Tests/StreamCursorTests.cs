using System.IO.Compression;
using System.Text;
using System.Runtime.Versioning;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Segments;
using ZstdSharp;

namespace LineServer.Storage.Tests;

/// <summary>Cursors on segments that change meanwhile.</summary>
[SupportedOSPlatform("linux")]
public sealed class StreamCursorTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public StreamCursorTests() => Directory.CreateDirectory(Path.Combine(_directory.Path, "lines/s"));

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_reader_that_retention_has_overtaken_is_told_what_is_kept()
    {
        Write(1, "1\n2\n");
        using StreamCursor cursor = Open(1);
        Assert.Equal("1\n2\n", Read(cursor));
        Write(3, "3\n");
        Write(4, "4\n");
        File.Delete(PathOf(1));
        File.Delete(PathOf(3));
        Assert.Equal(4, Assert.Throws<LineNotKeptException>(() => cursor.TryRead(1, out _, out _)).FirstKept);
    }

    [Fact]
    public void A_reader_in_a_segment_that_is_removed_reads_it_to_its_end()
    {
        Write(1, "1\n2\n");
        using StreamCursor cursor = Open(1);
        Assert.True(cursor.TryRead(1, out _, out _));
        Write(3, "3\n");
        File.Delete(PathOf(1));
        Assert.Equal("2\n3\n", Read(cursor));
    }

    [Fact]
    public void A_reader_in_a_segment_that_is_compressed_goes_on()
    {
        Write(1, "1\n2\n");
        using StreamCursor cursor = Open(1);
        Assert.True(cursor.TryRead(1, out _, out _));
        Compress(1, "1\n2\n", SegmentCompression.Zstd);
        File.Delete(PathOf(1));
        Write(3, "3\n4\n");
        Compress(3, "3\n4\n", SegmentCompression.Gzip);
        File.Delete(PathOf(3));
        Write(5, "5\n");
        Assert.Equal("2\n3\n4\n5\n", Read(cursor));
        using StreamCursor second = Open(2);
        Assert.Equal("2\n3\n4\n5\n", Read(second));
    }

    [Fact]
    public void Half_a_line_waits_for_its_end()
    {
        Write(1, "1\n2");
        using StreamCursor cursor = Open(1);
        Assert.Equal("1\n", Read(cursor));
        Assert.False(cursor.TryRead(10, out _, out _));
        File.AppendAllText(PathOf(1), "nd\n");
        Assert.Equal("2nd\n", Read(cursor));
        Assert.Equal(3, cursor.NextLine);
    }

    [Fact]
    public void A_line_that_is_not_there_yet_is_waited_for_across_segments()
    {
        Write(1, "1\n2\n");
        using StreamCursor cursor = Open(6);
        Assert.False(cursor.TryRead(10, out _, out _));
        File.AppendAllText(PathOf(1), "3\n");
        Write(4, "4\n");
        Assert.False(cursor.TryRead(10, out _, out _));
        Write(5, "5\n6\n7\n");
        Assert.Equal("6\n7\n", Read(cursor));
    }

    [Theory]
    [InlineData(SegmentCompression.Zstd)]
    [InlineData(SegmentCompression.Gzip)]
    public void A_damaged_compressed_segment_is_said_to_be_one(SegmentCompression compression)
    {
        string text = string.Concat(Enumerable.Range(1, 1000).Select(i => $"{i * 7919} {i}\n"));
        Write(1001, "1001\n");
        Compress(1, text, compression);
        string path = PathOf(1) + Segment.ExtensionOf(compression);
        byte[] bytes = File.ReadAllBytes(path);
        for (int at = 0; at < bytes.Length; at += 37)
        {
            byte[] damaged = [.. bytes];
            damaged[at] ^= 0x55;
            File.WriteAllBytes(path, damaged);
            AssertReadsOrSaysDamaged(text, $"byte {at} of {bytes.Length}");
        }

        for (int length = 0; length < bytes.Length; length += 101)
        {
            File.WriteAllBytes(path, bytes[..length]);
            AssertReadsOrSaysDamaged(text, $"{length} of {bytes.Length} bytes");
        }
    }

    [Fact]
    public void A_cursor_leaves_the_directory_of_no_store() =>
        Assert.Throws<ArgumentException>(() => StreamCursor.Open(_directory.Path, "../lines/s", 1));

    [Fact]
    public void A_segment_that_is_listed_and_not_there_is_an_error_and_no_endless_search()
    {
        File.CreateSymbolicLink(PathOf(1), PathOf(2) + ".missing");
        using StreamCursor cursor = Open(1);
        Assert.ThrowsAny<IOException>(() => cursor.TryRead(1, out _, out _));
    }

    private void AssertReadsOrSaysDamaged(string text, string what)
    {
        using StreamCursor cursor = Open(1);
        string read = string.Empty;
        Exception? thrown = Record.Exception(() => read = Read(cursor));
        Assert.True(thrown is null or InvalidDataException or IOException, $"{what}: {thrown}");
        Assert.True(thrown is not null || read.Length == text.Length + 5, $"{what}: lines are missing, and nobody says so");
    }

    private string Read(StreamCursor cursor)
    {
        var text = new StringBuilder();
        while (cursor.TryRead(2, out ReadOnlySpan<byte> lines, out long count))
        {
            Assert.InRange(count, 1, 2);
            text.Append(Encoding.ASCII.GetString(lines));
        }

        return text.ToString();
    }

    private StreamCursor Open(long from) => new(new LinuxStoreFiles(_directory.Path), "s", from);

    private string PathOf(long firstLine) => Path.Combine(_directory.Path, SegmentPath.Of("s", firstLine));

    private void Write(long firstLine, string text) => File.WriteAllText(PathOf(firstLine), text);

    private void Compress(long firstLine, string text, SegmentCompression compression)
    {
        using FileStream file = File.Create(PathOf(firstLine) + Segment.ExtensionOf(compression));
        using Stream stream = compression == SegmentCompression.Zstd ? new CompressionStream(file) : new GZipStream(file, CompressionLevel.Fastest);
        stream.Write(Encoding.ASCII.GetBytes(text));
    }
}
