using System.Diagnostics;
using System.Text;

namespace LineServer.Storage.Tests;

/// <summary>Retention and compression of sealed segments, on real files.</summary>
public sealed class KeeperTests : IDisposable
{
    private const int LinesPerSegment = 100;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(SegmentCompression.Zstd, ".zst", "zstdcat")]
    [InlineData(SegmentCompression.Gzip, ".gz", "zcat")]
    public async Task Sealed_segments_are_compressed_and_read_as_before(SegmentCompression compression, string extension, string tool)
    {
        StoreOptions options = NewOptions();
        options.Compression = compression;
        await using (LineStore store = LineStore.Open(_directory.Path, options))
        {
            await StoreAsync(store, 10);
            await CheckpointAsync(store);
            await store.KeepOnceAsync();
        }

        string[] files = Files("s");
        Assert.True(files.Length >= 3, "nothing was sealed");
        Assert.All(files[..^1], name => Assert.EndsWith(".log" + extension, name, StringComparison.Ordinal));
        Assert.EndsWith(".log", files[^1], StringComparison.Ordinal);
        using StreamCursor cursor = StreamCursor.Open(_directory.Path, "s", 1);
        Assert.Equal(Lines(1, 10 * LinesPerSegment), Read(cursor));
        using StreamCursor middle = StreamCursor.Open(_directory.Path, "s", 150);
        Assert.Equal(Lines(150, 10 * LinesPerSegment), Read(middle));
        Assert.StartsWith("line 1\n", await RunAsync(tool, Path.Combine(_directory.Path, "lines/s", files[0])), StringComparison.Ordinal);
        await using LineStore again = LineStore.Open(_directory.Path, options);
        Assert.Equal(10 * LinesPerSegment, (await again.AttachAsync("s", new Owner())).Count);
    }

    [Fact]
    public async Task The_oldest_segments_go_when_there_is_too_much()
    {
        StoreOptions options = NewOptions();
        options.MaxBytes = 2500;
        await using (LineStore store = LineStore.Open(_directory.Path, options))
        {
            await StoreAsync(store, 10);
            await CheckpointAsync(store);
            await store.KeepOnceAsync();
            StreamAttachment attachment = await store.AttachAsync("s", new Owner());
            Assert.Equal(10 * LinesPerSegment, attachment.Count);
            Assert.True(attachment.FirstKept > 1, "nothing was removed");
            using StreamCursor cursor = store.OpenCursor("s", 1);
            LineNotKeptException gone = Assert.Throws<LineNotKeptException>(() => cursor.TryRead(1, out _, out _));
            Assert.Equal(attachment.FirstKept, gone.FirstKept);
        }

        Assert.True(Files("s").Sum(name => new FileInfo(Path.Combine(_directory.Path, "lines/s", name)).Length) <= 2500);
    }

    [Fact]
    public async Task Segments_of_a_certain_age_go_and_younger_ones_stay()
    {
        StoreOptions options = NewOptions();
        options.MaxAge = TimeSpan.FromDays(1);
        await using LineStore store = LineStore.Open(_directory.Path, options);
        await StoreAsync(store, 10);
        await CheckpointAsync(store);
        await store.KeepOnceAsync();
        string[] before = Files("s");
        Assert.Equal("0000000000000000001.log", before[0]);
        File.SetLastWriteTimeUtc(Path.Combine(_directory.Path, "lines/s", before[0]), DateTime.UtcNow.AddDays(-2));
        await store.KeepOnceAsync();
        Assert.Equal(before[1..], Files("s"));
    }

    private static StoreOptions NewOptions() => new() { LogFileSize = 64 * 1024, SegmentSize = 800, CheckpointInterval = TimeSpan.Zero };

    private static async Task StoreAsync(LineStore store, int segments)
    {
        var owner = new Owner();
        StreamAttachment attachment = await store.AttachAsync("s", owner);
        for (int i = 0; i < segments; i++)
        {
            attachment.TryAppend(Encoding.ASCII.GetBytes(Lines((i * LinesPerSegment) + 1, (i + 1) * LinesPerSegment)), LinesPerSegment);
            await attachment.WaitForCommitAsync();
        }

        attachment.Detach();
    }

    /// <summary>Waits until all lines are in their segments, and for a checkpoint then: only what it covers is sealed.</summary>
    private static async Task CheckpointAsync(LineStore store)
    {
        using StreamCursor cursor = store.OpenCursor("s", 1);
        while (true)
        {
            Task more = store.WhenReadableAsync("s");
            while (cursor.TryRead(long.MaxValue, out _, out _))
            {
            }

            if (cursor.NextLine > 10 * LinesPerSegment)
            {
                break;
            }

            await more.WaitAsync(TimeSpan.FromSeconds(20));
        }

        await store.CheckpointAsync();
    }

    private static string Lines(int first, int last) => string.Concat(Enumerable.Range(first, last - first + 1).Select(i => $"line {i}\n"));

    private static string Read(StreamCursor cursor)
    {
        var text = new StringBuilder();
        while (cursor.TryRead(long.MaxValue, out ReadOnlySpan<byte> lines, out _))
        {
            text.Append(Encoding.ASCII.GetString(lines));
        }

        return text.ToString();
    }

    private static async Task<string> RunAsync(string command, string argument)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, [argument]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output;
    }

    private string[] Files(string stream) =>
        [.. Directory.GetFiles(Path.Combine(_directory.Path, "lines", stream)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
