using System.Runtime.CompilerServices;
using System.Text;
using LineServer.Storage.Internal;
using LineServer.Storage.Internal.Commit;
using LineServer.Storage.Internal.Log;
using LineServer.Storage.Tests.Disk;

namespace LineServer.Storage.Tests;

/// <summary>Steps of a store on a simulated disk, one after the other on one thread.</summary>
public sealed class StoreCoreTests : IAttachmentOwner
{
    private const string LogFile = "log/0";

    private readonly SimulatedDisk _disk = new(new Random(1));

    void IAttachmentOwner.OnChanged()
    {
    }

    [Fact]
    public void Many_small_pieces_by_turns_make_no_commit_that_outgrows_its_log_file()
    {
        var options = new StoreOptions { LogFileSize = 64 * 1024 };
        using StoreCore core = Open(options);
        StreamAttachment[] attachments = [.. Enumerable.Range(0, 2).Select(i => Attach(core, new string('s', 63) + i))];
        long taken = 0;
        for (int i = 0; i < 10_000; i++)
        {
            taken += attachments[i % 2].TryAppend("\n"u8, 1) == AppendResult.Taken ? 1 : 0;
        }

        CommitAll(core);
        Assert.Equal(taken, attachments.Sum(attachment => attachment.DurableCount));
        Assert.All(_disk.List("log"), name => Assert.Equal(options.LogFileSize, _disk.LengthOf($"log/{name}")));
    }

    [Fact]
    public void What_small_pieces_cost_beside_their_bytes_counts_as_uncommitted()
    {
        using StoreCore core = Open(new StoreOptions { MaxUncommittedPerAttachment = 10_000 });
        StreamAttachment[] attachments = [Attach(core, "a"), Attach(core, "b")];
        int taken = 0;
        while (taken < 10_000 && attachments[taken % 2].TryAppend("\n"u8, 1) == AppendResult.Taken)
        {
            taken++;
        }

        Assert.InRange(taken, 50, 500);
        CommitAll(core);
        Assert.All(attachments, attachment => Assert.Equal(AppendResult.Taken, attachment.TryAppend(Line(8_000), 1)));
    }

    [Fact]
    public void A_wait_for_room_goes_on_until_there_is_room_for_what_was_refused()
    {
        using StoreCore core = Open(new StoreOptions { LogFileSize = 64 * 1024, MaxUncommittedPerAttachment = 10_000 });
        StreamAttachment attachment = Attach(core, "s");
        Assert.Equal(AppendResult.Taken, attachment.TryAppend(Line(4_000), 1));
        Assert.Equal(AppendResult.NoRoom, attachment.TryAppend(Line(7_000), 1));
        ValueTask room = attachment.WaitForRoomAsync();
        Assert.False(room.IsCompleted, "there is no room, and nobody waits");
        CommitAll(core);
        Assert.True(room.IsCompleted);
        Assert.Equal(AppendResult.Taken, attachment.TryAppend(Line(7_000), 1));
    }

    [Fact]
    public void Nothing_is_taken_that_is_no_whole_line()
    {
        using StoreCore core = Open(new StoreOptions { LogFileSize = 64 * 1024 });
        StreamAttachment attachment = Attach(core, "s");
        Assert.ThrowsAny<ArgumentException>(() => attachment.TryAppend([], 1));
        Assert.ThrowsAny<ArgumentException>(() => attachment.TryAppend("half"u8, 1));
        Assert.ThrowsAny<ArgumentException>(() => attachment.TryAppend("line\n"u8, 0));
    }

    [Fact]
    public void A_flipped_bit_in_an_old_frame_is_found_and_nothing_is_cut_off()
    {
        var options = new StoreOptions { LogFileSize = 64 * 1024 };
        StoreCore core = Open(options);
        StreamAttachment attachment = Attach(core, "s");
        for (int i = 0; i < 3; i++)
        {
            attachment.TryAppend(Line(100), 1);
            CommitAll(core);
        }

        core.ApplyNext();
        byte[] applied = _disk.Find("lines/s/0000000000000000001.log")!.Cached.ToArray();
        Assert.Equal(300, applied.Length);
        _disk.EndProcess();
        _disk.Find(LogFile)!.Flip(Frame.Alignment + 100);
        StoreException damaged = Assert.Throws<StoreException>(() => Open(options));
        Assert.Contains("commit 2 is missing or broken", damaged.Message, StringComparison.Ordinal);
        Assert.Equal(applied, _disk.Find("lines/s/0000000000000000001.log")!.Cached.ToArray());
        _disk.Find(LogFile)!.Flip(Frame.Alignment + 100);
        using StoreCore again = Open(options);
        Assert.Equal(3, Attach(again, "s").Count);
    }

    [Fact]
    public void A_frame_that_the_disk_has_replaced_by_an_older_one_is_found()
    {
        // Four rounds of large frames, so that the first file is used again, for small ones.
        var options = new StoreOptions { LogFileSize = 64 * 1024 };
        StoreCore core = Open(options);
        StreamAttachment attachment = Attach(core, "s");
        byte[] older = [];
        for (int i = 0; i < 16; i++)
        {
            Assert.Equal(AppendResult.Taken, attachment.TryAppend(Line(14_000), 1));
            CommitAll(core);
            older = older.Length == 0 ? _disk.Find(LogFile)!.Cached[..Frame.Alignment].ToArray() : older;
            core.ApplyNext();
            core.WriteCheckpoint();
        }

        for (int i = 0; i < 3; i++)
        {
            attachment.TryAppend(Line(100), 1);
            CommitAll(core);
        }

        Assert.NotEqual(older, _disk.Find(LogFile)!.Cached[..Frame.Alignment].ToArray());
        _disk.EndProcess();
        _disk.Find(LogFile)!.Write(older, 0);
        Assert.Contains("commit 17 is missing", Assert.Throws<StoreException>(() => Open(options)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("key ", 1)]
    [InlineData("id ", 1)]
    public void A_flipped_bit_in_the_identity_is_found(string key, int behind)
    {
        var options = new StoreOptions { LogFileSize = 64 * 1024 };
        StoreCore core = Open(options);
        Attach(core, "s").TryAppend(Line(100), 1);
        CommitAll(core);
        _disk.EndProcess();
        SimulatedFile identity = _disk.Find(StoreIdentity.Path)!;
        identity.Flip(Encoding.ASCII.GetString(identity.Cached).IndexOf('\n' + key, StringComparison.Ordinal) + 1 + key.Length + behind);
        Assert.Contains("STORE is damaged", Assert.Throws<StoreException>(() => Open(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_without_an_identity_is_no_empty_directory()
    {
        var options = new StoreOptions { LogFileSize = 64 * 1024 };
        StoreCore core = Open(options);
        Attach(core, "s").TryAppend(Line(100), 1);
        CommitAll(core);
        _disk.EndProcess();
        _disk.Delete(StoreIdentity.Path);
        Assert.Contains("STORE is missing", Assert.Throws<StoreException>(() => Open(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_disk_never_has_much_to_write_in_front_of_a_commit()
    {
        // Streams that grow alike: all of them are due for their write-back at once.
        const int Streams = 40;
        using StoreCore core = Open(new StoreOptions { LogFileSize = 16 * 1024 * 1024 });
        StreamAttachment[] attachments = [.. Enumerable.Range(0, Streams).Select(i => Attach(core, $"s{i}"))];
        for (int round = 0; round < 50; round++)
        {
            foreach (StreamAttachment attachment in attachments)
            {
                Assert.Equal(AppendResult.Taken, attachment.TryAppend(Line(10_000), 1));
            }

            CommitAll(core);
            while (core.ApplyNext())
            {
            }

            if (core.IsCheckpointDue)
            {
                core.WriteCheckpoint();
            }
        }

        // What a step has applied, and a batch of the checkpoint, each with the rest of a segment. All of them are 5 MB.
        Assert.InRange(_disk.MostInFlight, 128 * 1024, (Streams * 10_000) + (512 * 1024));
        core.WriteCheckpoint();
        for (int i = 0; i < Streams; i++)
        {
            Assert.Equal(500_000, _disk.LengthOf($"lines/s{i}/0000000000000000001.log"));
        }
    }

    [Fact]
    public void Small_commits_of_one_writer_wait_a_moment_and_are_applied_together()
    {
        using StoreCore core = Open(new StoreOptions { LogFileSize = 1024 * 1024 });
        int woken = 0;
        core.WakeApplier = () => woken++;
        StreamAttachment[] attachments = [Attach(core, "a"), Attach(core, "b")];
        Assert.False(core.ApplyNext(), "there was something to apply");
        Assert.False(core.BeginsToLinger(), "nothing was committed");

        Append(core, attachments[0], 100);
        Assert.Equal(1, woken);
        Assert.True(core.BeginsToLinger());
        Append(core, attachments[0], 100);
        Assert.Equal(1, woken);
        Append(core, attachments[0], 70_000);
        Assert.Equal(2, woken);
        Assert.False(core.BeginsToLinger(), "there is enough to apply");
        Assert.True(core.ApplyNext());
        Assert.Equal(70_200, _disk.LengthOf("lines/a/0000000000000000001.log"));
        Assert.False(core.ApplyNext(), "one step has not applied all");

        attachments[1].TryAppend(Line(100), 1);
        Append(core, attachments[0], 100);
        Assert.False(core.BeginsToLinger(), "two writers share a commit");
    }

    [Fact]
    public void A_log_file_is_prepared_in_small_parts_while_the_one_before_is_in_use()
    {
        const int Size = 4 * 1024 * 1024;
        using StoreCore core = Open(new StoreOptions { LogFileSize = Size });
        StreamAttachment attachment = Attach(core, "s");
        int steps = 0;
        while (_disk.LengthOf(LogFiles.PathOf(1)) is null)
        {
            Append(core, attachment, 32 * 1024);
            core.ApplyNext();
            steps += _disk.LengthOf(LogFiles.Unfilled) is null ? 0 : 1;
        }

        Assert.InRange(steps, Size / (512 * 1024) - 1, Size / 2 / (32 * 1024));
        Assert.Equal(Size, _disk.LengthOf(LogFiles.PathOf(1)));
        Assert.InRange(attachment.DurableCount * 32 * 1024, Size / 2, Size);
    }

    [Fact]
    public void Memory_that_a_backlog_has_needed_is_freed_when_it_was_not_needed_again()
    {
        var gathering = new Gathering(maxCommitSize: 1024 * 1024);
        var attachment = new Attachment(null!, "s", isShared: false, this);
        byte[] lines = Line(200 * 1024);
        WeakReference[] chunks = Fill(gathering, attachment, lines);
        Assert.Equal(20, Live(chunks));
        gathering.Trim();
        Assert.Equal(20, Live(chunks));
        gathering.Trim();
        Assert.InRange(Live(chunks), 0, 2);
        GC.KeepAlive(gathering);
    }

    // In a method of its own, so that nothing else keeps the groups.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference[] Fill(Gathering gathering, Attachment attachment, byte[] lines)
    {
        for (int i = 0; i < 20; i++)
        {
            gathering.AddLines(attachment, lines, 1);
        }

        var chunks = new List<WeakReference>();
        while (gathering.Take() is { } group)
        {
            chunks.AddRange(group.Chunks.Select(chunk => new WeakReference(chunk)));
            gathering.Release(group);
        }

        return [.. chunks];
    }

    private static int Live(WeakReference[] references)
    {
        GC.Collect();
        return references.Count(reference => reference.IsAlive);
    }

    private static void Append(StoreCore core, StreamAttachment attachment, int bytes)
    {
        Assert.Equal(AppendResult.Taken, attachment.TryAppend(Line(bytes), 1));
        CommitAll(core);
    }

    private static byte[] Line(int bytes) => [.. Enumerable.Repeat((byte)'x', bytes - 1), (byte)'\n'];

    private static void CommitAll(StoreCore core)
    {
        while (core.CommitNext() is var outcome and not CommitOutcome.Idle)
        {
            if (outcome == CommitOutcome.Blocked)
            {
                core.ApplyNext();
                core.WriteCheckpoint();
            }
        }
    }

    private StoreCore Open(StoreOptions options) => new Recovery(_disk, options).Open();

    private StreamAttachment Attach(StoreCore core, string stream)
    {
        Task<StreamAttachment> answer = core.AttachAsync(stream, isShared: false, this);
        CommitAll(core);
        Assert.True(answer.IsCompletedSuccessfully, "an attachment was not answered");
#pragma warning disable xUnit1031, VSTHRD002 // It has completed.
        return answer.Result;
#pragma warning restore xUnit1031, VSTHRD002
    }
}
