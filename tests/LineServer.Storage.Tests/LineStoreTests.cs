using System.Text;
using LineServer.Framing;
using LineServer.Storage.Tests.Disk;

namespace LineServer.Storage.Tests;

/// <summary>The store with its threads, on real files.</summary>
public sealed class LineStoreTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static StoreOptions Options => new() { LogFileSize = 1024 * 1024 };

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_line_is_acknowledged_kept_and_read_again()
    {
        var owner = new Owner();
        await using (LineStore store = LineStore.Open(_directory.Path, Options))
        {
            StreamAttachment attachment = await store.AttachAsync("web-7", owner);
            Assert.Equal((0L, 0u, 1L), (attachment.Count, attachment.Crc, attachment.FirstKept));
            Assert.Equal(AppendResult.Taken, attachment.TryAppend("one\ntwo\n"u8, 2));
            await owner.UntilAsync(() => attachment.DurableCount == 2);
        }

        Assert.Equal("one\ntwo\n", await File.ReadAllTextAsync(Path.Combine(_directory.Path, "lines/web-7/0000000000000000001.log")));
        await using LineStore again = LineStore.Open(_directory.Path, Options);
        Assert.Equal(0, again.RecoveredLines);
        StreamAttachment next = await again.AttachAsync("web-7", owner);
        Assert.Equal((2L, Crc32C.Of("one\ntwo\n"u8)), (next.Count, next.Crc));
    }

    [Fact]
    public async Task A_store_is_made_below_directories_that_are_missing()
    {
        string directory = Path.Combine(_directory.Path, "a/b/c");
        await using (LineStore.Open(directory, Options))
        {
            Assert.True(File.Exists(Path.Combine(directory, "STORE")));
        }
    }

    [Fact]
    public async Task The_id_stays_and_another_store_has_another()
    {
        string id;
        await using (LineStore store = LineStore.Open(_directory.Path, Options))
        {
            id = store.Id;
        }

        using var other = new TemporaryDirectory();
        await using LineStore again = LineStore.Open(_directory.Path, Options);
        await using LineStore another = LineStore.Open(other.Path, Options);
        Assert.Equal(id, again.Id);
        Assert.NotEqual(id, another.Id, StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_store_is_one_process_s()
    {
        await using LineStore store = LineStore.Open(_directory.Path, Options);
        Assert.Contains("in use", Assert.Throws<StoreException>(() => LineStore.Open(_directory.Path, Options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_newest_attachment_wins_and_the_older_is_told()
    {
        await using LineStore store = LineStore.Open(_directory.Path, Options);
        var older = new Owner();
        StreamAttachment first = await store.AttachAsync("s", older);
        Assert.Equal(AppendResult.Taken, first.TryAppend("of the older\n"u8, 1));
        StreamAttachment second = await store.AttachAsync("s", new Owner());
        Assert.Equal(1, second.Count);
        await older.UntilAsync(() => first.EndReason == AttachmentEnd.Superseded);
        Assert.Equal(AppendResult.Ended, first.TryAppend("too late\n"u8, 1));
    }

    [Fact]
    public async Task Several_writers_share_a_stream_and_no_single_one_takes_it()
    {
        await using LineStore store = LineStore.Open(_directory.Path, Options);
        var owner = new Owner();
        StreamAttachment one = await store.ShareAsync("syslog", owner);
        StreamAttachment two = await store.ShareAsync("syslog", owner);
        Assert.Equal(AppendResult.Taken, one.TryAppend("a\n"u8, 1));
        Assert.Equal(AppendResult.Taken, two.TryAppend("b\n"u8, 1));
        await owner.UntilAsync(() => Math.Max(one.DurableCount, two.DurableCount) == 2);
        StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.AttachAsync("syslog", owner));
        Assert.Equal(StoreRefusal.InUse, refused.Refusal);
        one.Detach();
        two.Detach();
        Assert.Equal(2, (await store.AttachAsync("syslog", owner)).Count);
    }

    [Fact]
    public async Task A_full_table_refuses_new_names_only()
    {
        await using LineStore store = LineStore.Open(_directory.Path, new StoreOptions { LogFileSize = 1024 * 1024, MaxStreams = 1 });
        var owner = new Owner();
        StreamAttachment known = await store.AttachAsync("known", owner);
        known.TryAppend("line\n"u8, 1);
        StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.AttachAsync("new", owner));
        Assert.Equal(StoreRefusal.TooManyStreams, refused.Refusal);
        Assert.Equal(1, (await store.AttachAsync("known", owner)).Count);
    }

    [Fact]
    public async Task A_name_without_lines_takes_no_place_once_its_owner_has_gone()
    {
        await using LineStore store = LineStore.Open(_directory.Path, new StoreOptions { LogFileSize = 1024 * 1024, MaxStreams = 1 });
        (await store.AttachAsync("first", new Owner())).Detach();
        Assert.Equal(0, (await store.AttachAsync("second", new Owner())).Count);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("-a")]
    [InlineData("ä")]
    public async Task A_name_that_is_none_is_refused(string name)
    {
        await using LineStore store = LineStore.Open(_directory.Path, Options);
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.AttachAsync(name, new Owner()));
    }

    [Fact]
    public async Task More_lines_than_the_log_holds_go_through_it()
    {
        var options = new StoreOptions { LogFileSize = 64 * 1024, SegmentSize = 300_000, MaxUnapplied = 100_000 };
        byte[] line = Encoding.ASCII.GetBytes(new string('x', 99) + "\n");
        byte[] lines = [.. Enumerable.Repeat(line, 50).SelectMany(bytes => bytes)];
        var owner = new Owner();
        await using (LineStore store = LineStore.Open(_directory.Path, options))
        {
            StreamAttachment attachment = await store.AttachAsync("s", owner);
            for (int i = 0; i < 400; i++)
            {
                while (attachment.TryAppend(lines, 50) == AppendResult.NoRoom)
                {
                    await attachment.WaitForRoomAsync();
                }
            }

            await attachment.WaitForCommitAsync();
            Assert.Equal(20_000, attachment.DurableCount);
        }

        using StreamCursor cursor = StreamCursor.Open(_directory.Path, "s", 1);
        long read = 0;
        while (cursor.TryRead(1000, out ReadOnlySpan<byte> some, out long count))
        {
            Assert.Equal(count * 100, some.Length);
            read += count;
        }

        Assert.Equal(20_000, read);
        Assert.True(Directory.GetFiles(Path.Combine(_directory.Path, "lines/s")).Length >= 6);
    }

    [Fact]
    public async Task A_failed_sync_acknowledges_nothing_and_the_store_goes_on_by_itself()
    {
        var disk = new SimulatedDisk(new Random(1));
        var options = new StoreOptions { LogFileSize = 64 * 1024, RecoveryPause = TimeSpan.FromMilliseconds(1) };
        await using var store = new LineStore(disk, options, TimeProvider.System, heldLock: null);
        var recovered = new TaskCompletionSource();
        var failures = new List<Exception>();
        store.Failed = failures.Add;
        store.Recovered = () => recovered.TrySetResult();
        var owner = new Owner();
        StreamAttachment attachment = await store.AttachAsync("s", owner);
        disk.SyncFailsOneIn = 1;
        attachment.TryAppend("line\n"u8, 1);
        await owner.UntilAsync(() => attachment.EndReason == AttachmentEnd.StoreFailed);
        Assert.Equal(0, attachment.DurableCount);
        StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.AttachAsync("s", owner));
        Assert.Equal(StoreRefusal.Failed, refused.Refusal);
        disk.SyncFailsOneIn = 0;
        await recovered.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.NotEmpty(failures);
        StreamAttachment next = await store.AttachAsync("s", owner);
        Assert.Equal(AppendResult.Taken, next.TryAppend("again\n"u8, 1));
        await owner.UntilAsync(() => next.DurableCount == next.Count + 1);
    }

    [Fact]
    public async Task A_full_disk_stops_nothing_for_good()
    {
        var disk = new SimulatedDisk(new Random(1));
        var options = new StoreOptions { LogFileSize = 64 * 1024, RecoveryPause = TimeSpan.FromMilliseconds(1) };
        await using var store = new LineStore(disk, options, TimeProvider.System, heldLock: null);
        var recovered = new TaskCompletionSource();
        store.Recovered = () => recovered.TrySetResult();
        var owner = new Owner();
        StreamAttachment attachment = await store.AttachAsync("s", owner);
        disk.IsFull = true;
        attachment.TryAppend("line\n"u8, 1);
        await owner.UntilAsync(() => attachment.EndReason == AttachmentEnd.StoreFailed);
        long acknowledged = attachment.DurableCount;
        disk.IsFull = false;
        await recovered.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.True((await store.AttachAsync("s", owner)).Count >= acknowledged);
    }

    [Fact]
    public async Task A_store_that_cannot_be_recovered_tells_it_at_a_bounded_rate()
    {
        var disk = new SimulatedDisk(new Random(1));
        var clock = new ManualClock();
        var options = new StoreOptions { LogFileSize = 64 * 1024, RecoveryPause = TimeSpan.Zero };
        await using var store = new LineStore(disk, options, clock, heldLock: null);
        int told = 0;
        store.Failed = _ => Interlocked.Increment(ref told);
        var owner = new Owner();
        StreamAttachment attachment = await store.AttachAsync("s", owner);
        disk.SyncFailsOneIn = 1;
        attachment.TryAppend("line\n"u8, 1);
        await owner.UntilAsync(() => attachment.EndReason == AttachmentEnd.StoreFailed);
        int calls = disk.Calls;
        while (disk.Calls < calls + 100)
        {
            await Task.Yield();
        }

        // The cause, and why the first recovery failed.
        Assert.Equal(2, Volatile.Read(ref told));
        clock.Advance(TimeSpan.FromSeconds(30));
        while (Volatile.Read(ref told) == 2)
        {
            await Task.Yield();
        }

        Assert.Equal(3, Volatile.Read(ref told));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.05, 1)]
    [InlineData(2, 8)]
    [InlineData(60, 30)]
    public void A_recovery_that_fails_after_a_while_is_tried_again_after_a_longer_pause(double attempt, double pause)
    {
        TimeSpan shortest = TimeSpan.FromSeconds(1);
        Assert.Equal(TimeSpan.FromSeconds(pause), LineStore.PauseAfter(TimeSpan.FromSeconds(attempt), shortest));
        Assert.Equal(TimeSpan.FromMinutes(1), LineStore.PauseAfter(TimeSpan.FromSeconds(attempt), TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task A_store_that_stops_under_a_flood_keeps_every_line_it_has_taken()
    {
        LineStore store = LineStore.Open(_directory.Path, Options);
        StreamAttachment[] attachments = [await store.AttachAsync("a", new Owner()), await store.AttachAsync("b", new Owner())];
        Task<int>[] floods = [.. attachments.Select(attachment => Task.Run(() => FloodAsync(attachment)))];
        while (attachments.Any(attachment => attachment.DurableCount < 100))
        {
            await Task.Yield();
        }

        await store.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        int[] taken = await Task.WhenAll(floods).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.All(attachments, attachment => Assert.Equal(AttachmentEnd.StoreStopped, attachment.EndReason));
        Assert.Equal(taken.Select(count => (long)count), attachments.Select(attachment => attachment.DurableCount));
        await using LineStore again = LineStore.Open(_directory.Path, Options);
        Assert.Equal(0, again.RecoveredLines);
        Assert.Equal(taken[0], (await again.AttachAsync("a", new Owner())).Count);
        Assert.Equal(taken[1], (await again.AttachAsync("b", new Owner())).Count);
    }

    private static async Task<int> FloodAsync(StreamAttachment attachment)
    {
        int taken = 0;
        while (true)
        {
            switch (attachment.TryAppend("line\n"u8, 1))
            {
                case AppendResult.Taken:
                    taken++;
                    break;
                case AppendResult.NoRoom:
                    await attachment.WaitForRoomAsync();
                    break;
                default:
                    return taken;
            }
        }
    }

    [Fact]
    public async Task Owners_and_callbacks_that_throw_end_neither_the_store_nor_the_process()
    {
        var disk = new SimulatedDisk(new Random(1));
        var options = new StoreOptions { LogFileSize = 64 * 1024, RecoveryPause = TimeSpan.FromMilliseconds(1) };
        await using var store = new LineStore(disk, options, TimeProvider.System, heldLock: null);
        var recovered = new TaskCompletionSource();
        store.Failed = _ => throw new InvalidOperationException("Failed");
        store.Recovered = () =>
        {
            recovered.TrySetResult();
            throw new InvalidOperationException("Recovered");
        };
        StreamAttachment attachment = await store.AttachAsync("s", new ThrowingOwner());
        Assert.Equal(AppendResult.Taken, attachment.TryAppend("line\n"u8, 1));
        await attachment.WaitForCommitAsync();
        Assert.Equal((1L, AttachmentEnd.None), (attachment.DurableCount, attachment.EndReason));
        disk.SyncFailsOneIn = 1;
        Assert.Equal(AppendResult.Taken, attachment.TryAppend("line\n"u8, 1));
        await attachment.WaitForCommitAsync();
        Assert.Equal(AttachmentEnd.StoreFailed, attachment.EndReason);
        disk.SyncFailsOneIn = 0;
        await recovered.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        StreamAttachment next = await store.AttachAsync("s", new ThrowingOwner());
        Assert.Equal(AppendResult.Taken, next.TryAppend("line\n"u8, 1));
        await next.WaitForCommitAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.Equal(next.Count + 1, next.DurableCount);
    }

    [Fact]
    public void A_time_that_no_thread_can_wait_is_refused_at_the_start()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => LineStore.Open(_directory.Path, new StoreOptions { CheckpointInterval = TimeSpan.FromDays(30) }));
        Assert.Throws<ArgumentOutOfRangeException>(() => LineStore.Open(_directory.Path, new StoreOptions { RecoveryPause = TimeSpan.FromSeconds(-2) }));
        Assert.Throws<ArgumentOutOfRangeException>(() => LineStore.Open(_directory.Path, new StoreOptions { KeepInterval = TimeSpan.Zero }));
    }

    [Fact]
    public async Task Directories_that_no_commit_knows_are_moved_away_and_the_store_opens()
    {
        await using (LineStore store = LineStore.Open(_directory.Path, Options))
        {
            StreamAttachment attachment = await store.AttachAsync("s", new Owner());
            attachment.TryAppend("line\n"u8, 1);
        }

        Directory.CreateDirectory(Path.Combine(_directory.Path, "lines/lost"));
        await File.WriteAllTextAsync(Path.Combine(_directory.Path, "lines/lost/0000000000000000001.log"), "lost\n");
        await File.WriteAllTextAsync(Path.Combine(_directory.Path, "lines/s/0000000000000000002.log"), "lost\n");
        await using LineStore again = LineStore.Open(_directory.Path, Options);
        Assert.Equal(0, (await again.AttachAsync("lost", new Owner())).Count);
        Assert.Equal(1, (await again.AttachAsync("s", new Owner())).Count);
        Assert.Equal(2, Directory.GetFileSystemEntries(Path.Combine(_directory.Path, "orphans")).Length);
    }

    [Fact]
    public async Task A_damaged_checkpoint_and_a_cut_segment_are_refused_with_their_path()
    {
        await using (LineStore store = LineStore.Open(_directory.Path, Options))
        {
            StreamAttachment attachment = await store.AttachAsync("s", new Owner());
            attachment.TryAppend("line\n"u8, 1);
        }

        string segment = Path.Combine(_directory.Path, "lines/s/0000000000000000001.log");
        await File.WriteAllTextAsync(segment, "lin");
        Assert.Contains("lines/s/0000000000000000001.log has 3 bytes", Assert.Throws<StoreException>(() => LineStore.Open(_directory.Path, Options)).Message, StringComparison.Ordinal);
        string checkpoint = Path.Combine(_directory.Path, "CHECKPOINT");
        await File.WriteAllTextAsync(checkpoint, (await File.ReadAllTextAsync(checkpoint)).Replace("lsn", "lsm", StringComparison.Ordinal));
        Assert.Contains("CHECKPOINT is damaged", Assert.Throws<StoreException>(() => LineStore.Open(_directory.Path, Options)).Message, StringComparison.Ordinal);
        File.Delete(checkpoint);
        Assert.Contains("CHECKPOINT is missing", Assert.Throws<StoreException>(() => LineStore.Open(_directory.Path, Options)).Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(_directory.Path, "STORE"));
        Assert.Contains("STORE is missing", Assert.Throws<StoreException>(() => LineStore.Open(_directory.Path, Options)).Message, StringComparison.Ordinal);
    }

    private sealed class ThrowingOwner : IAttachmentOwner
    {
        public void OnChanged() => throw new InvalidOperationException("OnChanged");
    }

    private sealed class ManualClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref _now);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);
    }
}
