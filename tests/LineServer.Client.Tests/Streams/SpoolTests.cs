using System.Text;
using LineServer.Client.Streams;
using LineServer.Framing;

namespace LineServer.Client.Tests.Streams;

public sealed class SpoolTests : IDisposable
{
    private const long Limit = 1 << 20;

    private readonly TempFolder _folder = new();

    private string Folder => _folder.PathOf("spool");

    private string[] Segments => Directory.GetFiles(Folder, "*.spool");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Only_what_is_synced_is_read()
    {
        using Spool spool = Open();
        spool.Append("one\n"u8);
        Assert.Equal("", TextOf(spool));
        spool.Sync();
        Assert.Equal("one\n", TextOf(spool));
    }

    [Fact]
    public void What_is_left_is_there_again_without_an_unfinished_line()
    {
        using (Spool spool = Open())
        {
            spool.Append("one\ntwo\nthr"u8);
            spool.Sync();
        }

        using Spool again = Open();
        Assert.Equal((8, 3), (again.LeftBytes, again.DroppedBytes));
        again.Append("three\n"u8);
        again.Sync();
        Assert.Equal("one\ntwo\nthree\n", TextOf(again));
    }

    [Fact]
    public void Before_the_first_OK_nothing_says_which_line_of_the_stream_is_the_first()
    {
        using (Spool spool = Open())
        {
            spool.Append("one\n"u8);
            spool.Sync();
            Assert.Null(spool.Start);
            spool.Anchor(1200, 0x12345678);
        }

        using Spool again = Open();
        Assert.Equal(new StreamMark(1200, 0, 0x12345678), again.Start);
        Assert.Equal("one\n", TextOf(again));
    }

    [Fact]
    public void Acknowledged_segments_are_removed_and_the_place_of_the_rest_is_kept()
    {
        byte[] line = Encoding.ASCII.GetBytes(new string('x', 9_999) + "\n");
        StreamMark mark;
        using (Spool spool = Open())
        {
            spool.Anchor(10, 0);
            for (int i = 0; i < 60; i++)
            {
                spool.Append(line);
            }

            spool.Sync();
            int segments = Segments.Length;
            mark = new(40, 300_000, Crc32C.Of([.. Enumerable.Repeat(line, 30).SelectMany(l => l)]));
            spool.Release(mark);

            Assert.InRange(Segments.Length, 1, segments - 2);
            Assert.Equal(mark, spool.Start);
        }

        using Spool again = Open();
        Assert.Equal(mark, again.Start);
        Assert.Equal(300_000, again.LeftBytes);
    }

    [Fact]
    public void When_all_is_acknowledged_no_segment_stays_and_the_next_run_goes_on_behind_it()
    {
        using (Spool spool = Open())
        {
            spool.Anchor(0, 0);
            spool.Append("one\n"u8);
            spool.Sync();
            Assert.True(spool.End(terminate: false));
            spool.Release(new(1, 4, 77));
            Assert.Empty(Segments);
        }

        using Spool again = Open();
        Assert.Equal(new StreamMark(1, 4, 77), again.Start);
        again.Append("two\n"u8);
        again.Sync();
        Assert.Equal("two\n", TextOf(again));
    }

    [Theory]
    [InlineData(true, "one\ntwo\n")]
    [InlineData(false, "one\n")]
    public async Task An_unfinished_line_at_the_end_is_terminated_or_dropped(bool terminate, string expected)
    {
        using Spool spool = Open();
        spool.Anchor(0, 0);
        spool.Append("one\ntwo"u8);
        spool.Sync();

        Assert.Equal(terminate, spool.End(terminate));

        Assert.Equal(expected, TextOf(spool));
        Assert.False(await spool.WaitAsync(default, expected.Length, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Room_comes_with_acknowledgments()
    {
        using Spool spool = Open();
        spool.Anchor(0, 0);
        byte[] line = [.. new byte[65_535], (byte)'\n'];
        long end = 0;
        while (spool.WaitForRoomAsync(line.Length, TestContext.Current.CancellationToken) is { IsCompleted: true })
        {
            spool.Append(line);
            end += line.Length;
        }

        Assert.Equal(Limit, end);
        spool.Sync();
        ValueTask<bool> room = spool.WaitForRoomAsync(line.Length, TestContext.Current.CancellationToken);
        Assert.False(room.IsCompleted);
        spool.Release(new(2, 2 * line.Length, 0));
        Assert.False(await room);
        Assert.True(await spool.WaitForRoomAsync(line.Length, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_line_that_fills_the_spool_is_an_error_and_not_a_wait_for_ever()
    {
        using Spool spool = Open();
        spool.Append(new byte[(Limit / 2) + 1]);
        await Assert.ThrowsAsync<StreamProblemException>(() => spool.WaitForRoomAsync(1, TestContext.Current.CancellationToken).AsTask());
    }

    [Fact]
    public void A_spool_with_a_gap_is_refused()
    {
        using (Spool spool = Open())
        {
            for (int i = 0; i < 50; i++)
            {
                spool.Append(Encoding.ASCII.GetBytes(new string('x', 9_999) + "\n"));
            }

            spool.Sync();
        }

        File.Delete(Segments.Order(StringComparer.Ordinal).ElementAt(1));
        Assert.Contains("are missing", Assert.Throws<IOException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_spool_is_whole_lines_however_short_its_last_segments_were_cut()
    {
        byte[] content = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 400).Select(i => $"{i} {new string('x', i * 7)}\n")));
        using (Spool spool = Open())
        {
            foreach (byte[] part in content.Chunk(30_000))
            {
                spool.Append(part);
            }

            spool.Sync();
        }

        string last = Segments.Order(StringComparer.Ordinal).Last();
        long start = long.Parse(Path.GetFileNameWithoutExtension(last));
        Assert.NotEqual(0, start);
        foreach (long length in new[] { new FileInfo(last).Length - 1, 5000, 1, 0 })
        {
            using (FileStream file = File.OpenWrite(last))
            {
                file.SetLength(Math.Min(length, file.Length));
            }

            int left = (int)(start + new FileInfo(last).Length);
            using Spool spool = Open();
            Assert.Equal(Encoding.ASCII.GetString(content, 0, Array.LastIndexOf(content, (byte)'\n', left - 1) + 1), TextOf(spool));
            if (!File.Exists(last))
            {
                break; // it held nothing but the rest of a line
            }
        }
    }

    private static string TextOf(Spool spool)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[10_000];
        long offset = spool.Start?.Offset ?? 0;
        while (spool.Read(buffer, offset) is int read and > 0)
        {
            text.Append(Encoding.ASCII.GetString(buffer, 0, read));
            offset += read;
        }

        return text.ToString();
    }

    private Spool Open() => Spool.Open(Folder, Limit, "standard input");
}
